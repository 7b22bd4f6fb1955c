"""The whole system over genuine ROS 2: Nano-VLA drives a simulated LIBERO robot, and replays."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.ros.node_rig import NodeProcess, Stage, find_python, replay
from tests.ros.processes import await_end, list_descendants
from tests.ros.rig import await_truth

pytestmark = pytest.mark.ros
_SWITCHES_ONLY = ["agentview", "wrist", "state", "task"]


class _System(Stage):
    """A stage with the shipped node, and a simulated robot instead of the peer's."""

    def begin_node(self, *arguments: str) -> None:
        log = self._folder / "node.txt"
        given = [*arguments, *self._arguments]
        self.node = NodeProcess(self._distribution, self.environment, log, given, toys=False)
        command = [sys.executable, "-m", "aegis", "ros", "robot", "--json"]
        with (self._folder / "robot.txt").open("w") as out:
            self.robot = subprocess.Popen(
                [*command, f"ros.python={find_python(self._distribution)}", "start=wide"],
                stdout=out, stderr=subprocess.STDOUT, env=self.environment,
            )  # fmt: skip

    def begin_peer(self) -> None:
        super().begin_peer()
        self.peer.be(silent=_SWITCHES_ONLY)

    def end_robot(self) -> int:
        family = list_descendants(self.robot.pid)
        self.robot.terminate()
        try:
            return self.robot.wait(60)
        finally:
            self.robot.kill()
            await_end(family, patience=10.0)


def test_nano_vla_drives_a_simulated_robot(tmp_path: Path) -> None:
    settings = (
        f"record={tmp_path / 'bag'}", "gate.threshold=0.001", "gate.guard_fraction=0.05",
        "contract.max_missed=100",
        "contract.stale_after=2.0", "contract.pictures.agentview.max_age=3.0",
        "contract.pictures.wrist.max_age=3.0",
    )  # fmt: skip
    system = _System("jazzy", tmp_path, settings)
    try:
        await_truth(lambda: system.status.get("life") == "inactive", "the node")
        system.insist("enable")
        system.await_status(life="active", mode="strong")
        pressed = system.peer.be(estop=True)
        _, status = system.await_status(pressed, life="fault")
        assert status["fault"] == "estop is on"
        system.peer.be(estop=False)
        system.insist("reset")
        again = time.monotonic_ns()
        system.insist("enable")
        system.await_status(again, life="active")
        count = len(system.list_commands(again))
        await_truth(lambda: len(system.list_commands(again)) > count + 40, "commands")
        assert system.end_robot() == 0
        system.await_status(again, life="fault")
        assert system.node.close() == 0
    finally:
        system.end_robot()
        system.close()
    result = replay(tmp_path / "bag")
    assert result["lives"] == 2
    assert result["decisions"] == result["equal"] > 40
    assert result["unequal_proposals"] == 0
