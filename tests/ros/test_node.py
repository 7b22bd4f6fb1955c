"""`aegis ros node` towards its peers: services, topics, lifecycle, people, parameters, the end."""

from __future__ import annotations

import json
import os
import signal
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.ros.node_rig import DISTRIBUTIONS, HEALTHY, STRONG, WEAK, Stage, open_stage
from tests.ros.processes import is_running, list_descendants
from tests.ros.rig import await_truth

pytestmark = pytest.mark.ros
PRESSES = int(os.environ.get("AEGIS_ESTOP_PRESSES", "5"))


@pytest.fixture(scope="module", params=DISTRIBUTIONS)
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    with open_stage(request.param, tmp_path_factory.mktemp("node")) as stage:
        yield stage
        assert stage.close() == 0


def _await_refusal(stage: Stage, reason: str) -> None:
    await_truth(lambda: reason in stage.status["trouble"], f"trouble: {reason}")
    granted, said = stage.ask("enable")
    assert not granted
    assert reason in said
    assert stage.status["life"] == "inactive"


def test_enable_is_refused_with_a_reason(stage: Stage) -> None:
    # The first test of a node: nobody has said yet what is to be done.
    stage.peer.be(task="")
    stage.await_life("inactive")
    _await_refusal(stage, "no task was heard on ~/task")
    stage.peer.be(task="go", silent=["agentview"])
    _await_refusal(stage, "agentview is ")
    stage.peer.be(silent=[], estop=True)
    _await_refusal(stage, "estop is on")
    stage.peer.be(estop=False, deadman=False)
    _await_refusal(stage, "deadman is off")
    stage.peer.be(deadman=True, joints=["x"])
    _await_refusal(stage, "joint_states: name is (x)")
    stage.peer.be(**HEALTHY)
    stage.insist("enable")
    stage.await_life("active")
    granted, reason = stage.ask("enable")
    assert (granted, reason) == (False, "cannot enable while the node is active")


def _by_topic(stage: Stage, name: str) -> dict[str, Any]:
    """Asks by a message on a topic, and returns what was answered."""
    since = stage.peer.send(name)
    answers = await_truth(lambda: stage.peer.list_heard("answer", since), f"an answer to {name}")
    return answers[0][1]  # type: ignore[no-any-return]


def _by_ask(stage: Stage, name: str) -> dict[str, Any]:
    """Asks by JSON, with a number of its own."""
    number = f"test {time.monotonic_ns()}"
    since = stage.peer.send("ask", data=json.dumps({"id": number, "request": name}))

    def look() -> dict[str, Any] | None:
        heard = [one for _, one in stage.peer.list_heard("answer", since)]
        return next((one for one in heard if one["id"] == number), None)

    return await_truth(look, f"an answer to {name}")  # type: ignore[return-value]


@pytest.mark.parametrize("ask", [_by_topic, _by_ask])
def test_topics_do_what_services_do(
    stage: Stage, ask: Callable[[Stage, str], dict[str, Any]]
) -> None:
    stage.drive()
    answer = ask(stage, "disable")
    assert (answer["granted"], answer["request"], answer["life"]) == (True, "disable", "inactive")
    stage.await_life("inactive")
    stage.await_state("inactive")
    answer = ask(stage, "disable")
    assert not answer["granted"]
    assert "cannot disable while inactive" in answer["reason"]
    assert ask(stage, "enable")["life"] == "active"
    stage.await_state("active")
    stage.await_command(bool, time.monotonic_ns())
    stage.spoil(estop=True)
    assert not ask(stage, "reset")["granted"]
    stage.peer.be(estop=False)
    await_truth(lambda: ask(stage, "reset")["granted"], "a reset")
    stage.await_life("inactive")


def test_takeover_and_release_without_a_hold(stage: Stage) -> None:
    stage.drive()
    assert stage.take_over(True)["success"]
    # Who took over and says nothing lets the robot do nothing.
    stage.await_status(mode="operator", taken_over=True)
    stage.await_command(lambda x: x == 0, time.monotonic_ns())
    stage.peer.be(operator=[-0.7, 0.2, 0.0, 0.0, 0.0, 0.0, 1.0])
    at = stage.await_command(lambda x: x == pytest.approx(-0.7), time.monotonic_ns())
    assert stage.list_commands(at)[0][1] == pytest.approx([-0.7, 0.2, 0, 0, 0, 0, 1])
    await_truth(lambda: len(stage.list_commands(at)) > 10, "the operator's commands")
    released = time.monotonic_ns()
    assert stage.take_over(False)["success"]
    stage.await_command(lambda x: x == pytest.approx(WEAK), released)
    rows = [row for _, row in stage.peer.list_heard("decisions", released) if "k" in row]
    modes = [row["mode"] for row in rows]
    assert "weak" in modes
    assert {row["command"] for row in rows} == {"Act"}
    assert stage.take_over(False)["success"]


def test_takeover_ends_with_the_life(stage: Stage) -> None:
    stage.drive()
    assert stage.take_over(True)["success"]
    stage.peer.be(operator=[-0.7] * 7)
    stage.await_command(lambda x: x == pytest.approx(-0.7), time.monotonic_ns())
    stage.spoil(estop=True)
    answer = stage.take_over(True)
    assert (answer["success"], answer["message"]) == (False, "cannot take over while fault")
    stage.drive()
    assert not stage.status["taken_over"]


def test_hand_over_and_back(stage: Stage) -> None:
    stage.drive("risk is 1")
    stage.await_command(lambda x: x == pytest.approx(STRONG), time.monotonic_ns())
    stage.peer.be(task="risk is 0")
    stage.await_command(lambda x: x == pytest.approx(WEAK), time.monotonic_ns())
    parts = await_truth(lambda: stage.peer.list_heard("diagnostics"), "diagnostics")[-1][1]
    assert {"aegis: driver", "aegis: input agentview/image_raw", "aegis: policy weak"} <= set(parts)


def test_lifecycle_from_outside(stage: Stage) -> None:
    stage.drive()
    assert stage.change_state("deactivate")
    stage.await_life("inactive")
    idle = time.monotonic_ns()
    assert stage.change_state("cleanup")
    stage.await_life("unconfigured")
    assert stage.ask("enable")[0] is False
    assert not stage.change_state("activate")
    family = stage.node.list_processes()
    assert set(family) == {"node", "wire"}
    assert stage.change_state("configure")
    stage.await_life("inactive")
    assert stage.read_state() == "inactive"
    assert not any(one[0] for _, one in stage.list_commands(idle + 10**8))
    await_truth(lambda: stage.change_state("activate"), "activate")
    stage.await_life("active")
    stage.await_command(bool, time.monotonic_ns())
    stage.peer.be(estop=True)
    stage.await_state("inactive")


def test_estop_is_prompt(stage: Stage, record_property: Any) -> None:
    took = []
    for _ in range(PRESSES):
        stage.drive()
        pressed = stage.peer.be(estop=True)
        took.append((stage.await_command(lambda x: x == 0, pressed) - pressed) / 1e6)
    median = statistics.median(took)
    record_property("estop_ms", took)
    print(f"\ne-stop to idle command [ms]: median {median:.1f}, max {max(took):.1f}, {took}")
    assert median < 2000


def test_memory_and_load(stage: Stage, record_property: Any) -> None:
    stage.drive()
    ticks = os.sysconf("SC_CLK_TCK")
    family = stage.node.list_processes()
    before, since = {name: _read_cpu(pid) for name, pid in family.items()}, time.monotonic()
    count = len(stage.list_commands())
    await_truth(lambda: len(stage.list_commands()) > count + 100, "commands")
    seconds = time.monotonic() - since
    loads = {
        name: (_read_cpu(pid) - before[name]) / ticks / seconds for name, pid in family.items()
    }
    sizes = {name: _read_pss(pid) for name, pid in family.items()}
    ours = sum(sizes[name] for name in ("node", "driver", "wire"))
    record_property("pss_mb", sizes)
    record_property("cpu", loads)
    print(f"\nPSS [MB]: {sizes}, ours {ours:.0f}; CPU: {loads}")
    assert ours < 1000


def _read_cpu(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def _read_pss(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:"))


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_names_and_parameters_of_ros(distribution: str, tmp_path: Path) -> None:
    given = (
        "--ros-args -r __ns:=/arm1 -r __node:=pilot -r agentview/image_raw:=/front "
        "-p contract.pictures.agentview.max_age:=2.5 -p contract.pictures.agentview.max_still:=0.0 "
        "-p first:=strong"
    )
    names = {"agentview": "/front", "wrist": "/arm1/wrist/image_raw", "state": "/arm1/joint_states"}
    with open_stage(
        distribution, tmp_path, *given.split(), name="/arm1/pilot", topics=names
    ) as stage:
        stage.drive()
        stage.await_command(lambda x: x == pytest.approx(STRONG), time.monotonic_ns())
        _, fault = stage.spoil(silent=["agentview"])
        assert "limit 2500 ms" in fault
        assert stage.close() == 0


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_end_and_restart(distribution: str, tmp_path: Path, number: int) -> None:
    with open_stage(distribution, tmp_path) as stage:
        stage.drive()
        family = list_descendants(stage.node.list_processes()["node"])
        ended = time.monotonic_ns()
        stage.node.send_signal(number)
        code = stage.node.wait()
        assert code == (-number if number == signal.SIGKILL else 0)
        if number != signal.SIGKILL:
            stage.await_status(ended, life="finalized")
            lives = [one["life"] for _, one in stage.peer.list_heard("status", ended)]
            assert lives[-2:] == ["inactive", "finalized"]
            assert stage.list_commands(ended)[-1][1][0] == 0
        await_truth(lambda: not any(map(is_running, family)), "the end of all its processes")
        begun = time.monotonic_ns()
        stage.begin_node()
        stage.await_status(begun, life="inactive")
        stage.await_life("inactive")
        assert not stage.list_commands(begun)
        stage.drive()


def test_node_ends_without_its_wire(tmp_path: Path) -> None:
    with open_stage("jazzy", tmp_path) as stage:
        stage.drive()
        family = list_descendants(stage.node.list_processes()["node"])
        os.kill(stage.node.list_processes()["wire"], signal.SIGKILL)
        assert stage.node.wait() == 0
        assert "the process that talks to ROS 2 is gone" in stage.node.said
        await_truth(lambda: not any(map(is_running, family)), "the end of all its processes")
