"""Node: a driver's life from configuring to shutting down, and the deaths of its processes."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aegis.core.errors import AegisError, ConfigError, MachineError
from aegis.ros.driver_process import DriverPlan, check_policy
from aegis.ros.message import cdr as m
from aegis.ros.names import ANSWER, ASK, DECISIONS, DIAGNOSTICS
from aegis.ros.node import Node
from aegis.ros.recorder import Recorder
from aegis.ros.topics import Topic, list_topics
from aegis.runtime.bus import Bus
from aegis.runtime.bus_reader import BusReader
from policies.person import Person
from tests.robot import toys
from tests.robot.kit import (
    await_truth,
    joints,
    make_contract,
    open_bus,
    picture,
    read_json,
    switch,
    text,
    write,
)

PIXELS = np.zeros((8, 8, 3), np.uint8)


class Post:
    """A node with somebody who keeps its inputs fresh, asks, and waits."""

    def __init__(self, plan: DriverPlan, bus: Bus, recorder: Recorder | None, stops: bool) -> None:
        self.bus, self.node = bus, Node(plan, bus, recorder, stops)
        self._commands = BusReader(bus, ["~/command"])
        self._answers, self._parts = BusReader(bus, [ANSWER]), BusReader(bus, [DIAGNOSTICS])
        self.sent: list[list[float]] = []
        self.answers: list[dict[str, Any]] = []
        self.parts: list[Any] = []
        self.rows: list[dict[str, Any]] = []

    def look(self) -> None:
        for topic, raw in (
            ("~/estop", switch(False)), ("joints", joints(["px", "py"], [0, 0])),
            ("camera", picture(PIXELS)), ("~/task", text("go")),
        ):  # fmt: skip
            write(self.bus, topic, raw)
        self.rows += self.node.look()
        self.sent += [
            list(m.decode_message(raw, m.FLOATS, "").data) for _, raw in self._commands.take_new()
        ]
        self.answers += read_json(self._answers)
        for _, raw in self._parts.take_new():
            self.parts += m.decode_message(raw, m.DIAGNOSTICS, "").status

    def wait(self, condition: Callable[[], object], what: str) -> None:
        def is_there() -> bool:
            self.look()
            return bool(condition())

        await_truth(is_there, what)

    def ask(self, request: str) -> dict[str, Any]:
        """Asks, and returns the answer."""
        count = len(self.answers)
        write(self.bus, ASK, m.encode_json({"id": count, "request": request}))
        self.wait(lambda: len(self.answers) > count, f"an answer to {request}")
        assert self.answers[-1]["id"] == count
        return self.answers[-1]

    def configure(self) -> None:
        assert self.ask("configure")["granted"], self.answers[-1]
        self.wait(lambda: self.node.life.value == "inactive" and self.rows, "the first tick")
        self.wait(lambda: not self.rows[-1]["trouble"], "inputs that were heard")

    def drive(self) -> None:
        """Enables, and drives until a policy's actions are sent."""
        assert self.ask("enable")["granted"], self.answers[-1]
        count = len(self.sent)
        self.wait(lambda: any(one[0] > 0.1 for one in self.sent[count:]), "an action")

    @property
    def driver_pid(self) -> int:
        assert self.node._driver is not None
        return self.node._driver.pid


def list_children(pid: int) -> list[int]:
    """Returns the processes of multiprocessing that a process started."""
    started = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [
        int(one) for one in started if b"spawn_main" in Path(f"/proc/{one}/cmdline").read_bytes()
    ]


Open = Callable[..., Post]


@pytest.fixture
def open_post() -> Iterator[Open]:
    with ExitStack() as stack:

        def build(
            plan: DriverPlan | None = None, folder: Path | None = None, stops: bool = False
        ) -> Post:
            given = plan or toys.make_plan()
            bus = stack.enter_context(open_bus(given.contract))
            topics: Sequence[Topic] = list_topics(given.contract)
            recorder = None
            if folder is not None:
                recorder = Recorder(folder, bus, topics, "/aegis", {})
            post = Post(given, bus, recorder, stops)
            stack.callback(post.node.close)
            return post

        yield build


def test_a_life_from_configuring_to_shutting_down(open_post: Open) -> None:
    post = open_post()
    refused = post.ask("enable")
    assert not refused["granted"]
    assert "cannot enable while unconfigured" in refused["reason"]
    post.configure()
    assert not post.ask("configure")["granted"]
    post.drive()
    first = post.driver_pid
    post.wait(lambda: {row.get("mode") for row in post.rows} >= {"weak", "strong"}, "a hand-over")
    assert not post.ask("cleanup")["granted"]
    assert post.ask("disable")["granted"]
    assert post.ask("cleanup")["granted"]
    assert not Path(f"/proc/{first}").exists()
    assert post.node.life.value == "unconfigured"
    post.configure()
    post.drive()
    assert post.driver_pid != first
    assert post.ask("shutdown")["granted"]
    assert post.node.over
    post.wait(lambda: any(one.name == "aegis: policy weak" for one in post.parts), "diagnostics")
    second = post.driver_pid
    post.node.close()
    assert post.node.life.value == "finalized"
    assert not Path(f"/proc/{second}").exists()
    rows = read_json(BusReader(post.bus, [DECISIONS], everything=True))
    assert rows[-1]["life"] == "inactive", "disabled before it ended"


def test_a_person_needs_a_contract_with_an_operator() -> None:
    spec = Person("strong").spec
    check_policy("strong", spec, make_contract())
    with pytest.raises(ConfigError, match="'strong' is a person, but the contract names no oper"):
        check_policy("strong", spec, make_contract(operator=None))


@pytest.mark.parametrize(
    ("weak", "error", "words"),
    [
        (toys.BrokenPolicy, MachineError, "Policy 'weak' did not load: FileNotFoundError: no wei"),
        (toys.PrivilegedPolicy, ConfigError, "Policy 'weak' reads simulator truth"),
        (
            partial(toys.SteadyPolicy, "weak", 0.5, {"head": (8, 8)}), ConfigError,
            "Policy 'weak' looks at camera 'head'; the contract has agentview",
        ),
        (
            partial(toys.SteadyPolicy, "weak", 0.5, {"agentview": (9, 8)}), ConfigError,
            "Policy 'weak' looks at 'agentview' in 9x8 px; .* camera has 8x8",
        ),
    ],
)  # fmt: skip
def test_a_policy_that_cannot_serve_is_named(
    open_post: Open, weak: object, error: type[AegisError], words: str
) -> None:
    post = open_post(toys.make_plan(weak=weak))
    post.node.configure()
    with pytest.raises(error, match=words):
        post.wait(lambda: False, "an error")
    if error is MachineError:
        answer = post.ask("configure")
        assert not answer["granted"]
        assert "no weights at /nowhere" in answer["reason"]
        assert post.node.life.value == "unconfigured"


def test_what_is_asked_while_policies_load_is_refused_at_once(open_post: Open) -> None:
    post = open_post()
    post.node.configure()
    refused = post.ask("enable")
    assert not refused["granted"]
    assert "while the policies load" in refused["reason"]
    post.wait(lambda: post.node.life.value == "inactive" and post.rows, "the first tick")
    post.wait(lambda: not post.rows[-1]["trouble"], "inputs that were heard")
    post.drive()


def test_a_driver_that_hangs_is_ended_and_the_robot_told_to_stand(open_post: Open) -> None:
    post = open_post()
    post.configure()
    post.drive()
    os.kill(post.driver_pid, signal.SIGSTOP)
    post.wait(lambda: post.node.life.value == "unconfigured", "the end of the driver")
    assert post.node.status["fault"] == "the driver's process hangs and was killed"
    sent = len(post.sent)
    post.wait(lambda: len(post.sent) > sent, "a command to stand")
    assert not any(post.sent[-1][:2])


def test_a_node_that_slept_itself_does_not_take_its_driver_for_hung(
    open_post: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    post = open_post()
    post.configure()
    pid, seen = post.driver_pid, post.bus.count_messages(DECISIONS)
    monkeypatch.setattr("aegis.ros.node._HUNG", 5 * post.node._plan.contract.period)
    await_truth(lambda: post.bus.count_messages(DECISIONS) > seen + 20, "ticks without a look")
    post.look()
    assert post.driver_pid == pid
    assert post.node.life.value == "inactive"


@pytest.mark.parametrize("in_fault", ["idle", "silence"])
def test_the_death_of_the_driver_is_said_and_the_robot_told_to_stand(
    open_post: Open, in_fault: str
) -> None:
    post = open_post(toys.make_plan(toys.make_patient_contract(in_fault)))
    post.configure()
    post.drive()
    os.kill(post.driver_pid, signal.SIGKILL)
    post.wait(lambda: post.node.life.value == "unconfigured", "the funeral")
    assert post.node.status["fault"] == "the driver's process died"
    sent = [row["sent"] for row in post.rows if row["life"] == "active"]
    assert sent
    grip = np.frombuffer(bytes.fromhex(sent[-1]), np.float32)[2]
    if in_fault == "silence":
        count = len(post.sent)
        end = time.monotonic() + 0.2
        post.wait(lambda: time.monotonic() > end, "a while")
        assert len(post.sent) == count
    else:
        count = len(post.sent)
        post.wait(lambda: len(post.sent) > count + 1, "idle commands")
        assert post.sent[-1] == [0, 0, grip]
    assert not post.ask("enable")["granted"]
    post.configure()
    post.drive()


def test_the_death_of_a_policy_ends_no_drive_but_the_next_is_refused(open_post: Open) -> None:
    post = open_post()
    post.configure()
    post.drive()
    children = list_children(post.driver_pid)
    assert len(children) == 2
    for child in children:
        os.kill(child, signal.SIGKILL)
    count = len(post.rows)
    post.wait(lambda: any(row.get("command") == "Hold" for row in post.rows[count:]), "a hold")
    assert post.node.life.value == "active"
    post.ask("disable")
    answer = post.ask("enable")
    assert not answer["granted"]
    assert "is gone: its process is gone" in answer["reason"]


@pytest.mark.parametrize("stops", [True, False])
def test_a_recording_that_fails_stops_the_robot_where_it_is_to(
    open_post: Open, tmp_path: Path, stops: bool
) -> None:
    post = open_post(folder=tmp_path / "bag", stops=stops)
    post.configure()
    post.drive()
    recorder = post.node._recorder
    assert recorder is not None
    recorder._writer.close()
    post.wait(lambda: recorder.fault, "the fault of the recorder")
    assert post.node.describe_recorder()["fault"].startswith("recording failed")
    if stops:
        post.wait(lambda: post.node.life.value == "fault", "a fault")
        assert post.node.status["fault"].startswith("recording failed")
        assert not post.ask("reset")["granted"]
    else:
        count = len(post.rows)
        post.wait(lambda: len(post.rows) > count + 5, "more ticks")
        assert post.rows[-1]["life"] == "active"
