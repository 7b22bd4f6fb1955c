"""Rig for `aegis ros node`: the node as a process, and a robot with its operator as another."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.ros.conftest import take_domain
from tests.ros.processes import await_end, list_children, list_descendants, read_command
from tests.ros.rig import PATIENCE, ROOT, await_truth
from tests.ros.robot_side import RobotPeer, find_python

TOYS = ROOT / "tests/ros/toys"
DISTRIBUTIONS = ("jazzy", "kilted")
HEALTHY = {
    "silent": [], "frozen": [], "lose": 0.0, "shift": {}, "values": None, "side": 64,
    "joints": ["z", "finger", "x", "y", "other"], "encoding": "rgb8", "estop": False,
    "deadman": True, "task": "go", "operator": None,
}  # fmt: skip
"""How a robot and its operator behave that nothing is wrong with."""
WEAK, STRONG = 0.1, 0.5
"""Actions along x by which one sees who drives; nobody does at 0."""
_TRIGGER = "std_srvs/Trigger"
TRANSITIONS = {"configure": 1, "cleanup": 2, "activate": 3, "deactivate": 4, "shutdown": 5}


def make_environment() -> dict[str, str]:
    """Returns the environment of all processes of a stage, with a domain of their own."""
    environment = dict(os.environ)
    environment.pop("_ROS_WHEELS_BOOTSTRAP_COMPLETE", None)
    environment["ROS_DOMAIN_ID"] = take_domain()
    environment["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    environment["PYTHONPATH"] = str(TOYS)
    return environment


class NodeProcess:
    """`aegis ros node` as a process.

    Args:
        distribution: ROS 2 distribution.
        environment: Environment variables.
        log: File for what it says.
        arguments: Its settings, and arguments of ROS 2.
        toys: Whether it has the toy robot and its policies.
    """

    def __init__(
        self,
        distribution: str,
        environment: Mapping[str, str],
        log: Path,
        arguments: Sequence[str],
        toys: bool = True,
    ) -> None:
        ours = ["--config-dir", str(TOYS / "configs")] if toys else []
        command = [sys.executable, "-m", "aegis", "ros", "node", "--json", *ours]
        self._log = log
        with log.open("w") as out:
            self._process = subprocess.Popen(
                [*command, f"ros.python={find_python(distribution)}", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=environment,
            )

    @property
    def said(self) -> str:
        """What it said so far."""
        return self._log.read_text()

    def count_faults(self) -> int:
        """Returns how often it has said that it is in a fault."""
        return len(re.findall(r"^\S+  fault ", self.said, re.MULTILINE))

    def list_processes(self) -> dict[str, int]:
        """Returns the node's processes: node, wire, driver, weak, strong; those that live."""
        node = self._process.pid
        found = {"node": node}
        for pid in list_children(node):
            if b"aegis.ros.wire" in read_command(pid):
                found["wire"] = pid
            elif b"spawn_main" in read_command(pid):
                found["driver"] = pid
        inner = list_children(found["driver"]) if "driver" in found else []
        policies = [pid for pid in inner if b"spawn_main" in read_command(pid)]
        return found | dict(zip(("weak", "strong"), policies, strict=False))

    def send_signal(self, number: int) -> None:
        self._process.send_signal(number)

    def wait(self) -> int:
        """Waits for its end, and returns the exit code."""
        return self._process.wait(PATIENCE)

    def close(self) -> int:
        """Ends it, and what it left behind; returns the exit code."""
        family = list_descendants(self._process.pid)
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()
        finally:
            await_end(family, patience=10.0)


class Stage:
    """A node, a robot and its operator.

    Args:
        distribution: ROS 2 distribution.
        folder: Where the node's words go.
        arguments: Arguments of the node.
        name: Full name of the node.
        topics: Names of topics that are other than usual.
        toys: Whether the node has the toy robot and its policies.

    Attributes:
        enabled: How often it was asked to drive, and granted that.
    """

    def __init__(
        self,
        distribution: str,
        folder: Path,
        arguments: Sequence[str] = (),
        name: str = "/aegis",
        topics: Mapping[str, str] | None = None,
    ) -> None:
        self._distribution, self._folder, self._arguments = distribution, folder, arguments
        self.environment = make_environment()
        self._name, self._topics, self._starts = name, topics, itertools.count()
        self.enabled = 0
        self.begin_node()
        self.begin_peer()

    def begin_node(self, *arguments: str) -> None:
        """Starts the node."""
        log = self._folder / f"node-{next(self._starts)}.txt"
        given = [*arguments, *self._arguments]
        self.node = NodeProcess(self._distribution, self.environment, log, given)

    def begin_peer(self) -> None:
        """Starts the robot and its operator."""
        self.peer = RobotPeer(self._distribution, self.environment, self._name, self._topics)

    @property
    def status(self) -> dict[str, Any]:
        """What the node says of itself; empty before it said anything."""
        heard = self.peer.list_heard("status")
        return heard[-1][1] if heard else {}

    def await_status(self, since: int = 0, **wanted: Any) -> tuple[int, dict[str, Any]]:
        """Waits for a status, since a time [ns]; returns when it was heard, and all it says."""

        def look() -> tuple[int, dict[str, Any]] | None:
            heard = self.peer.list_heard("status")
            heard = [pair for pair in heard if pair[0] >= since] or heard[-1:]
            return next(
                (one for one in heard if all(one[1].get(k) == v for k, v in wanted.items())), None
            )

        return await_truth(look, lambda: f"a status with {wanted}; it is {self.status}")

    def await_life(self, life: str) -> None:
        """Waits until the newest status has a life."""
        await_truth(lambda: self.status.get("life") == life, f"life {life}")

    def ask(self, service: str) -> tuple[bool, str]:
        """Calls a service; returns whether that was granted, and what was said."""
        answer = self.peer.call(service)
        self.enabled += service == "enable" and bool(answer["success"])
        return bool(answer["success"]), str(answer["message"])

    def insist(self, service: str) -> None:
        """Calls a service until it is granted."""
        await_truth(lambda: self.ask(service)[0], f"{service} to be granted")

    def take_over(self, taken: bool) -> dict[str, Any]:
        return self.peer.call("takeover", "std_srvs/SetBool", data=taken)

    def change_state(self, transition: str) -> bool:
        """Asks for a transition of ROS 2; returns whether it was made."""
        given = {"id": TRANSITIONS[transition]}
        answer = self.peer.call("change_state", "lifecycle_msgs/ChangeState", transition=given)
        return bool(answer["success"])

    def read_state(self) -> str:
        """Returns the state of the node, as ROS 2 knows it."""
        answer = self.peer.call("get_state", "lifecycle_msgs/GetState")
        return str(answer["current_state"]["label"])

    def await_state(self, state: str) -> None:
        await_truth(lambda: self.read_state() == state, f"state {state}")

    def list_commands(self, since: int = 0) -> list[tuple[int, list[float]]]:
        return self.peer.list_heard("command", since)

    def await_command(self, fits: Callable[[float], bool], since: int) -> int:
        """Waits for a command along x, since a time [ns]; returns when it was heard [ns]."""

        def look() -> int | None:
            return next((at for at, one in self.list_commands(since) if fits(one[0])), None)

        return await_truth(look, "a command")

    def drive(self, task: str = "go") -> None:
        """Heals what is wrong, and has the node drive."""
        self.peer.be(**HEALTHY | {"task": task})
        await_truth(self._approach_driving, lambda: f"driving; it is {self.status}")
        self.await_command(bool, time.monotonic_ns())

    def _approach_driving(self) -> bool:
        """Does one step towards driving; what was wrong may still lie on the bus."""
        life = self.status.get("life")
        if life in ("fault", "inactive"):
            self.ask("reset" if life == "fault" else "enable")
            time.sleep(0.1)
        return life == "active"

    def spoil(self, **way: Any) -> tuple[float, str]:
        """Spoils something; returns the time to the first idle command [s], and the fault's cause.

        Asserts that nothing but idle commands follow, and that ROS 2 knows of it.
        """
        at = self.peer.be(**way)
        _, status = self.await_status(at, life="fault")
        stopped = self.await_command(lambda x: x == 0, at)
        await_truth(lambda: len(self.list_commands(stopped)) > 5, "further commands")
        assert not any(one[0] for _, one in self.list_commands(stopped))
        self.await_state("inactive")
        return (stopped - at) / 1e9, status["fault"]

    def close(self) -> int:
        """Ends all; returns the exit code of the node."""
        try:
            return self.node.close()
        finally:
            self.peer.close()


@contextlib.contextmanager
def open_stage(distribution: str, folder: Path, *arguments: str, **names: Any) -> Iterator[Stage]:
    """Opens a stage, and closes it."""
    stage = Stage(distribution, folder, arguments, **names)
    try:
        yield stage
    finally:
        stage.close()


def replay(bag: Path, *arguments: str) -> dict[str, Any]:
    """Replays a bag in a process of its own; returns what `aegis replay --json` says."""
    command = [sys.executable, "-m", "aegis", "replay", str(bag), "--json", *arguments]
    environment = dict(os.environ) | {"PYTHONPATH": str(TOYS), "TOY_HURRY": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    found = re.search(r"^\{.*\}$", done.stdout, re.M | re.S)
    assert found, done.stdout + done.stderr
    return json.loads(found[0])  # type: ignore[no-any-return]
