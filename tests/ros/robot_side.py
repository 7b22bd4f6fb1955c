"""Robot's side of a test: a plain rclpy script in a process of its own, told what to do."""

from __future__ import annotations

import contextlib
import itertools
import json
import subprocess
import threading
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from tests.ros.rig import ROOT, await_truth

_TRIGGER = "std_srvs/Trigger"


def find_python(distribution: str) -> str:
    """Returns the interpreter of a distribution."""
    found = ROOT / f".venv-ros-{distribution}/bin/python"
    assert found.exists(), f"{found} is missing. Run: make test-ros"
    return str(found)


class RobotPeer:
    """The robot and its operator: genuine ROS 2, without AEGIS, in a process of its own.

    Args:
        distribution: ROS 2 distribution.
        environment: Environment variables.
        node: Full name of the node that drives it.
        topics: Names of topics that are other than usual.
    """

    def __init__(
        self,
        distribution: str,
        environment: Mapping[str, str],
        node: str = "/aegis",
        topics: Mapping[str, str] | None = None,
    ) -> None:
        script = ROOT / "tests/ros/peers/robot_peer.py"
        given = json.dumps({"node": node, "topics": dict(topics or {})})
        self._process = subprocess.Popen(
            [find_python(distribution), "-u", str(script), given],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )
        self._heard: dict[str, list[tuple[int, Any]]] = defaultdict(list)
        self._answers: dict[int, dict[str, Any]] = {}
        self._ids = itertools.count()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            event = json.loads(line)
            if "heard" in event:
                self._heard[event["heard"]].append((event["at"], event["data"]))
            elif event["was"] is not None:
                self._answers[event["was"]] = event

    def _tell(self, do: str, **order: Any) -> dict[str, Any]:
        number = next(self._ids)
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do, "id": number} | order) + "\n")
        self._process.stdin.flush()
        return await_truth(lambda: self._answers.pop(number, None), f"an answer to {do} {order}")

    def be(self, **way: Any) -> int:
        """Behaves like that from now on; returns since when [ns]."""
        return int(self._tell("be", way=way)["at"])

    def send(self, name: str, **data: Any) -> int:
        """Sends a message to a topic of the node; returns when [ns]."""
        return int(self._tell("send", name=name, **data)["at"])

    def call(self, service: str, kind: str = _TRIGGER, **fields: Any) -> dict[str, Any]:
        """Calls a service of the node, and returns its answer."""
        return self._tell("call", service=service, type=kind, fields=fields)["answer"]  # type: ignore[no-any-return]

    def list_heard(self, name: str, since: int = 0) -> list[tuple[int, Any]]:
        """Returns when it heard what, since a time [ns]."""
        return [pair for pair in list(self._heard[name]) if pair[0] >= since]

    def close(self) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
