"""Process of the wire, seen from its parent: starts it, connects it to the bus, orders its end."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import aegis
from aegis.core.errors import ConfigError, MachineError
from aegis.ros.wire.protocol import WireTopic as WireTopic
from aegis.ros.wire.protocol import receive_message, send_message
from aegis.runtime.bus import Bus

_KEPT_LINES = 60
_END = 12.0
"""Longest wait for the end, before the process is killed [s]; it needs about one."""


@dataclass(frozen=True, slots=True)
class Transport:
    """A program between ROS 2 and the bus.

    Attributes:
        title: Who refuses what cannot be done.
        module: What is run.
        needed: Packages without which it does not start.
        advice: What to do where one is missing.
    """

    title: str
    module: str
    needed: tuple[str, ...]
    advice: str


TRANSPORTS = {
    "rclpy": Transport(
        "ROS 2",
        "aegis.ros.wire",
        ("rclpy",),
        "Run 'source /opt/ros/jazzy/setup.bash', or set ros.python to an interpreter with rclpy.",
    ),
    "cyclonedds": Transport(
        "cyclonedds",
        "aegis.ros.dds",
        ("cyclonedds", "rosbags", "yaml", "numpy"),
        "Run 'pip install \"aegis-escalation[dds]\"', or set ros.python to an interpreter that "
        "has it.",
    ),
}
"""Name of a setting to the program that it chooses."""


class WireProcess:
    """The process that talks to ROS 2.

    It ends when its parent does, however that ends: it waits for the other end of a socket. Only a
    child that was forked from the parent, and inherits the socket, keeps it alive.

    Args:
        python: Interpreter that has what the transport needs.
        name: Name of the node.
        namespace: Its namespace.
        lifecycle: Whether it is a lifecycle node.
        ros_arguments: Arguments of ROS 2, from ``--ros-args`` on; may be empty.
        transport: Name of one of ``TRANSPORTS``.

    Raises:
        MachineError: If the interpreter cannot be started.
    """

    def __init__(
        self,
        python: str,
        name: str,
        namespace: str,
        lifecycle: bool,
        ros_arguments: Sequence[str],
        transport: str = "rclpy",
    ) -> None:
        self._transport = TRANSPORTS[transport]
        self._python, self._closed = python, False
        self._lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self._link, theirs = socket.socketpair()
        # Only our package: other libraries beside it may be of another Python than that of ROS 2.
        self._packages = tempfile.TemporaryDirectory(prefix="aegis-wire-")
        Path(self._packages.name, "aegis").symlink_to(Path(aegis.__file__).resolve().parent)
        command = [python, "-m", self._transport.module, "--socket", str(theirs.fileno())]
        try:
            self._process = subprocess.Popen(
                [*command, *ros_arguments],
                env=_make_environment(self._packages.name),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                # Ctrl-C in a terminal is for the parent: it orders the end when all is published.
                process_group=0,
            )
        except OSError as error:
            self._link.close()
            self._packages.cleanup()
            raise MachineError(
                f"The interpreter of ROS 2 does not start. Got: ros.python = '{python}' "
                f"({error.strerror}). {self._transport.advice}"
            ) from error
        finally:
            theirs.close()
        self._echo = threading.Thread(target=self._echo_lines, name="wire-echo", daemon=True)
        self._echo.start()
        identity = {"name": name, "namespace": namespace, "lifecycle": lifecycle}
        with contextlib.suppress(ConnectionError):  # If it is dead, read_parameters says why.
            send_message(self._link, identity)

    def read_parameters(self, timeout: float) -> dict[str, Any]:
        """Waits until the node exists, and returns the parameters that it was given.

        Args:
            timeout: Longest wait [s].

        Raises:
            MachineError: If the interpreter lacks a package, or ROS 2 does not start.
            ConfigError: If ROS 2 refuses the name or the arguments.
        """
        parameters: dict[str, Any] = self._receive("parameters", timeout)
        self._packages.cleanup()  # Everything is imported.
        return parameters

    def connect(
        self, bus: Bus, topics: Sequence[WireTopic], services: bool, timeout: float = 60.0
    ) -> None:
        """Connects topics of ROS 2 with those of the bus, and returns when they carry messages.

        Args:
            bus: The bus. It needs the bell ``wire``, which each topic to ROS 2 rings, ``~/answer``
                and ``~/status`` too.
            topics: The topics.
            services: Whether the node offers services for the requests of a driver.
            timeout: Longest wait [s].

        Raises:
            ConfigError: If a topic cannot be what was asked for.
            MachineError: If the wire is gone.
        """
        message = {
            "topics": [asdict(topic) for topic in topics],
            "services": services,
            "bus": bus.describe(),
        }
        with contextlib.suppress(ConnectionError):  # If it is dead, the answer is missing too.
            send_message(self._link, message, bus.descriptors)
        self._receive("connected", timeout)

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    def is_alive(self) -> bool:
        """Returns whether the process still runs."""
        return self._process.poll() is None

    def list_lines(self) -> list[str]:
        """Returns the last lines that the process wrote: what it complained of, if it is dead."""
        return list(self._lines)

    def close(self) -> None:
        """Lets the wire publish what lies on the bus, and waits for its end."""
        if self._closed:
            return
        self._closed = True
        self._link.close()
        try:
            self._process.wait(_END)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._echo.join(1.0)
        self._packages.cleanup()

    def _receive(self, wanted: str, timeout: float) -> Any:
        """Returns what the wire says under a key; closes, and raises what went wrong instead."""
        end = time.monotonic() + timeout
        try:
            self._link.settimeout(timeout)
            message, _ = receive_message(self._link)
        except TimeoutError as error:
            self._process.kill()
            self.close()
            raise MachineError(
                f"ROS 2 did not answer within {timeout:g} s. Interpreter: '{self._python}'. It "
                f"wrote: {self._quote_lines()}"
            ) from error
        except EOFError as error:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(max(end - time.monotonic(), 0.1))
            self.close()
            raise self._explain_death() from error
        self._link.settimeout(None)
        if "error" in message:
            self.close()
            raise ConfigError(f"{self._transport.title} refuses: {message['error']}")
        return message[wanted]

    def _explain_death(self) -> MachineError:
        said = self._quote_lines()
        for needed in self._transport.needed:
            if f"No module named '{needed}" in said:
                return MachineError(
                    f"The interpreter has no {needed}. Got: ros.python = '{self._python}'. "
                    f"{self._transport.advice}"
                )
        return MachineError(
            f"The process that talks to ROS 2 ended with code {self._process.returncode}. "
            f"Interpreter: '{self._python}'. It wrote: {said}"
        )

    def _quote_lines(self) -> str:
        return " | ".join(self.list_lines()[-5:]) or "nothing"

    def _echo_lines(self) -> None:
        """Passes on what the process writes, as it comes, and keeps the last lines."""
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for raw in lines:
                line = raw.decode(errors="replace").rstrip()
                self._lines.append(line)
                print(line, file=sys.stderr, flush=True)


def _make_environment(packages: str) -> dict[str, str]:
    """Returns the environment of the wire.

    Args:
        packages: Folder with our package.
    """
    environment = dict(os.environ)
    # Wheels of ROS 2 take it for a sign that their libraries are on the path already.
    environment.pop("_ROS_WHEELS_BOOTSTRAP_COMPLETE", None)
    paths = [packages, *filter(None, [environment.get("PYTHONPATH")])]
    environment["PYTHONPATH"] = os.pathsep.join(paths)
    environment["PYTHONSAFEPATH"] = "1"  # What lies in the working folder is no library.
    environment["PYTHONUNBUFFERED"] = "1"
    return environment
