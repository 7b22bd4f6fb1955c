"""Faults of `aegis ros node`: what is sent and what is said after each, and how it goes on."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ros.node_rig import DISTRIBUTIONS, STRONG, WEAK, Stage, open_stage, replay
from tests.ros.processes import is_running
from tests.ros.rig import await_truth

pytestmark = pytest.mark.ros
PROMPT = 20.0
"""Longest time to a stop beyond what the contract allows [s]; the machine may be busy."""
INPUT_FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "camera silent": ({"silent": ["agentview"]}, r"agentview is \d+ ms old, limit 1000 ms"),
    "camera frozen": ({"frozen": ["agentview"]}, r"agentview has not changed for \d+ ms, limit"),
    "state silent": ({"silent": ["state"]}, r"joint_states is \d+ ms old, limit 1000 ms"),
    "joint missing": ({"joints": ["x", "y", "z"]}, r"joint_states: name .*x, y, z.*finger"),
    "joint renamed": ({"joints": ["x", "y", "z", "fing"]}, r"joint_states: name .*fing\).*finger"),
    "positions missing": ({"values": [0.1, 0.2]}, r"joint_states: position .*2 numbers"),
    "state NaN": ({"values": [float("nan")] * 5}, r"joint_states: position is .*nan.*finite"),
    "picture too small": ({"side": 32}, r"agentview/image_raw: size .*32x32.*64x64"),
    # Both cameras' pictures are; which of them is missed first is a matter of milliseconds.
    "picture too long": ({"side": 160}, r"(agentview|wrist) is \d+ ms old"),
    "encoding unknown": ({"encoding": "yuv422"}, r"agentview/image_raw: encoding .*yuv422.*rgb8"),
    "stamps of the future": ({"shift": {"wrist": 30}}, r"wrist is -\d+ ms old"),
    "wall clock jumps back": ({"shift": {"wrist": -30}}, r"wrist is 30\d{3} ms old"),
    "e-stop pressed": ({"estop": True}, r"estop is on"),
    "deadman released": ({"deadman": False}, r"deadman is off"),
    "operator gone": ({"silent": ["estop", "deadman"]}, r"estop is \d+ ms old, limit 1000 ms"),
    "deadman silent": ({"silent": ["deadman"]}, r"deadman is \d+ ms old, limit 1000 ms"),
}
_SEEN_LATE = ("picture too small", "encoding unknown")
"""Faults in pictures, which nobody reads before a policy is to look at them."""


@pytest.fixture(scope="module", params=DISTRIBUTIONS)
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A node that goes through one fault after the other, recorded, and then replayed."""
    folder = tmp_path_factory.mktemp("faults")
    bag = folder / "bag"
    with open_stage(request.param, folder, f"record={bag}") as stage:
        yield stage
        assert stage.close() == 0
    result = replay(bag)
    assert result["lives"] >= stage.enabled > 0
    assert result["decisions"] == result["equal"] > 5 * stage.enabled


@pytest.fixture(params=["weak", "null"])
def policy_stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stage]:
    """A node whose policies fail, with the weak one to fall back on, and with none."""
    settings = (f"timing.fallback={request.param}", "patience=20", f"record={tmp_path / 'bag'}")
    with open_stage("jazzy", tmp_path, *settings) as stage:
        yield stage
        assert stage.close() == 0
    result = replay(tmp_path / "bag")
    assert result["decisions"] == result["equal"] > 10


@pytest.mark.parametrize("name", INPUT_FAULTS)
def test_input_fault(stage: Stage, name: str, record_property: Any) -> None:
    way, cause = INPUT_FAULTS[name]
    stage.drive()
    took, fault = stage.spoil(**way)
    record_property("seconds", took)
    assert re.search(cause, fault), fault
    assert took < 1.0 + PROMPT
    granted, reason = stage.ask("reset")
    if name in _SEEN_LATE:
        assert granted
    else:
        assert re.search(cause, reason), reason
        assert not granted


def test_estop_stays_until_reset(stage: Stage) -> None:
    stage.drive()
    stage.spoil(estop=True)
    released = stage.peer.be(estop=False)
    await_truth(lambda: len(stage.list_commands(released)) > 20, "commands after the release")
    assert not any(one[0] for _, one in stage.list_commands(released))
    assert stage.status["life"] == "fault"
    granted, reason = stage.ask("enable")
    assert not granted
    assert "fault" in reason or "estop" in reason
    stage.insist("reset")
    stage.await_life("inactive")
    assert not any(one[0] for _, one in stage.list_commands(released))
    stage.drive()


def test_brief_press_is_not_missed(stage: Stage) -> None:
    stage.drive()
    pressed = stage.peer.be(estop=True)
    stage.peer.be(estop=False)
    _, status = stage.await_status(pressed, life="fault")
    assert status["fault"] == "estop is on"


def test_loss_of_messages_is_no_fault(stage: Stage) -> None:
    stage.drive()
    since = stage.peer.be(lose=0.1)
    await_truth(lambda: len(stage.list_commands(since)) > 60, "commands")
    assert stage.status["life"] == "active"
    assert all(one[0] for _, one in stage.list_commands(since)[-20:])


def test_robot_restarted(stage: Stage) -> None:
    stage.drive()
    before, faults = stage.peer, stage.node.count_faults()
    gone = time.monotonic_ns()
    before.close()
    # The next one is told; if it came sooner than what is heard grows old, nothing would be wrong.
    await_truth(lambda: stage.node.count_faults() > faults, "a fault")
    stage.begin_peer()
    stage.await_status(gone, life="fault")
    assert re.search(r" is \d+ ms old", stage.status["fault"])
    await_truth(lambda: len(stage.list_commands(gone)) > 20, "commands to the new robot")
    assert not any(one[0] for _, one in stage.list_commands(gone))
    stage.drive()


def test_killed_policy_is_loaded_again(stage: Stage) -> None:
    stage.drive()
    os.kill(stage.node.list_processes()["weak"], signal.SIGKILL)
    # A policy that is silent is a risk, so the strong one helps.
    stage.await_command(lambda x: x == pytest.approx(STRONG), time.monotonic_ns())
    stage.insist("disable")
    granted, reason = stage.ask("enable")
    assert not granted
    assert reason == "policy 'weak' is gone: its process is gone"
    assert stage.change_state("cleanup")
    stage.await_life("unconfigured")
    assert stage.change_state("configure")
    stage.drive()
    assert stage.status["mode"] == "weak"


def test_killed_driver_lets_robot_stand(stage: Stage) -> None:
    stage.drive()
    family = stage.node.list_processes()
    killed = time.monotonic_ns()
    os.kill(family["driver"], signal.SIGKILL)
    _, status = stage.await_status(killed, life="unconfigured")
    assert status["fault"] == "the driver's process died"
    stopped = stage.await_command(lambda x: x == 0, killed)
    await_truth(lambda: len(stage.list_commands(stopped)) > 3, "further commands")
    assert not any(one[0] for _, one in stage.list_commands(stopped))
    stage.await_state("unconfigured")
    await_truth(lambda: not any(map(is_running, (family["weak"], family["strong"]))), "their end")
    assert stage.change_state("configure")
    stage.drive()


def _drive_strong(stage: Stage) -> None:
    stage.drive("risk is 1")
    stage.await_status(mode="strong", life="active")
    stage.await_command(lambda x: x == pytest.approx(STRONG), time.monotonic_ns())


def _list_rows(stage: Stage, since: int) -> list[dict[str, Any]]:
    return [row for _, row in stage.peer.list_heard("decisions", since) if "k" in row]


@pytest.mark.parametrize("way", ["late 2", "nan", "shape", "fail", "killed"])
def test_policy_fault(policy_stage: Stage, way: str, request: pytest.FixtureRequest) -> None:
    stage = policy_stage
    _drive_strong(stage)
    since = time.monotonic_ns()
    if way == "killed":
        os.kill(stage.node.list_processes()["strong"], signal.SIGKILL)
    else:
        since = stage.peer.be(task=f"risk is 1, strong {way}")
    if "weak" in request.node.callspec.id.split("-"):
        stage.await_command(lambda x: x == pytest.approx(WEAK), since)
        stage.await_status(since, mode="weak", life="active")
        assert stage.status["life"] == "active"
    else:
        _, status = stage.await_status(since, life="fault")
        assert "strong" in status["fault"]
        assert "ticks in a row" in status["fault"]
        stage.await_state("inactive")
    if way == "fail":
        failed = [row["failed"] for row in _list_rows(stage, since) if row["failed"]]
        assert "RuntimeError: as the task says" in failed[0]["strong"]


@pytest.mark.parametrize("policy_stage", ["weak"], indirect=True)
def test_answer_from_before_a_reset_is_void(policy_stage: Stage) -> None:
    stage = policy_stage
    _drive_strong(stage)
    late = stage.peer.be(task="risk is 1, strong late 4")
    await_truth(
        lambda: any("strong" in row["asked"] for row in _list_rows(stage, late + 10**8)),
        "a question",
    )
    stage.spoil(estop=True)
    stage.peer.be(estop=False)
    stage.insist("reset")
    again = time.monotonic_ns()
    stage.drive("risk is 1")
    rows = await_truth(
        lambda: [row for row in _list_rows(stage, again) if "strong" in row["arrived"]], "an answer"
    )
    new = [row for row in _list_rows(stage, again) if row["key"] == rows[0]["key"]]
    # The policy still thought about the old question, and that answer never arrived.
    assert any("strong" in row["refused"] for row in new)
    asked = {row["k"] for row in new if "strong" in row["asked"]}
    assert {row["arrived"]["strong"] for row in new if "strong" in row["arrived"]} <= asked
