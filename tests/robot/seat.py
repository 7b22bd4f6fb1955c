"""Seat: a driver on a bus, with a clock that jumps, policies that answer, and people who press."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from aegis.core.ladder import Ladder
from aegis.core.types import F32, Nanos, Proposal
from aegis.ros.bus_peer import BusPeer
from aegis.ros.contract.contract import Contract
from aegis.ros.message import cdr as m
from aegis.ros.names import ANSWER, ASK, DECISIONS, STATUS
from aegis.ros.rows import decode_array
from aegis.runtime.bus import Bus
from aegis.runtime.bus_reader import BusReader
from aegis.runtime.realtime.driver import RealtimeDriver
from aegis.runtime.realtime.lane import Lane
from aegis.runtime.realtime.peer import TickReport
from aegis.runtime.realtime.person_lane import PersonLane
from tests.core.late_parts import make_late
from tests.fakes import KEY
from tests.robot.kit import joints, read_json, switch, text, write
from tests.runtime.realtime_fakes import FakeClock, FakeLane


class NowAlarm:
    """Lets messages come between two ticks: each is written and rings once."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.due: list[tuple[Nanos, Any]] = []

    def wait_until(self, deadline: Nanos) -> bool:
        if not self.due or self.due[0][0] >= deadline:
            return False
        self._clock.now, come = self.due.pop(0)
        come()
        return True


class Seat:
    """A driver of a contract with the axes of the fakes.

    Attributes:
        sent: Actions on the command topic so far.
        answers: Answers so far.
        rows: Rows of the ticks so far.
        status: Status as it was said last.
    """

    def __init__(
        self,
        contract: Contract,
        bus: Bus,
        spoil: Callable[[Proposal], Proposal] = lambda one: one,
        person: bool = False,
    ) -> None:
        self.contract, self.bus, self.clock = contract, bus, FakeClock()
        self.clock.now = 10**9
        controller = replace(make_late(lead=4), embodiment=contract.build_embodiment())
        lanes: dict[str, Lane] = {
            name: FakeLane(name, self.clock, lambda _: 0, spoil) for name in ("weak", "strong")
        }
        people = ["strong"] if person else []
        if person:
            weak, strong = controller.ladder.rungs
            rungs = (weak, replace(strong, lead=0, person=True))
            controller = replace(controller, ladder=Ladder(rungs, fallback="weak"))
            lanes["strong"] = PersonLane()
        cameras: dict[str, dict[str, tuple[int, int]]] = {"weak": {}, "strong": {}}
        self.peer = BusPeer(contract, bus, cameras, {"rungs": ["weak"]}, people=people)
        self.alarm = NowAlarm(self.clock)
        self.reports: list[TickReport] = []
        self.driver = RealtimeDriver(
            controller, KEY, lanes, self.peer, self.clock, contract.build_settings(),
            record=self.reports.append, alarm=self.alarm,
        )  # fmt: skip
        self._commands = BusReader(bus, [contract.commands[0].topic])
        self._answers, self._rows = BusReader(bus, [ANSWER]), BusReader(bus, [DECISIONS])
        self._statuses = BusReader(bus, [STATUS], everything=True)
        self.sent: list[F32] = []
        self.answers: list[dict[str, Any]] = []
        self.rows: list[dict[str, Any]] = []
        self.status: dict[str, Any] = {}
        self.statuses = 0
        self._numbers = itertools.count()

    def hear(self, *left_out: str, px: float = 0.0) -> None:
        """Lets the inputs arrive now."""
        now = self.clock.now
        for topic, raw in (
            ("~/estop", switch(False)),
            ("joints", joints(["px", "py"], [px, 0])),
            ("camera", b"picture that nobody looks at"),
            ("~/task", text("go")),
        ):
            if topic not in left_out:
                write(self.bus, topic, raw, now)

    def press(self, topic: str) -> None:
        raw = m.encode_message(m.EMPTY)
        write(self.bus, topic, raw)

    def ask(self, request: str) -> str:
        number = f"ask {next(self._numbers)}"
        write(self.bus, ASK, m.encode_json({"id": number, "request": request}))
        return number

    def command(self, *numbers: float, age: float = 0.0) -> None:
        """Lets the operator command; ``age`` is how long ago [s]."""
        assert self.contract.operator is not None
        arrived = time.monotonic_ns() - round(age * 1e9)
        write(self.bus, self.contract.operator.topic, m.encode_floats(numbers), arrived)

    def play(self, ticks: int = 1, *left_out: str) -> TickReport:
        """Plays ticks; before each, the inputs arrive."""
        for _ in range(ticks):
            self.hear(*left_out)
            report = self.driver.play_tick()
            self.collect()
        return report

    def collect(self) -> None:
        for _, raw in self._commands.take_new():
            data = m.decode_message(raw, m.FLOATS, "command").data
            self.sent.append(np.asarray(data, np.float32))
        self.answers += read_json(self._answers)
        self.rows += read_json(self._rows)
        for said in read_json(self._statuses):
            self.status, self.statuses = said, self.statuses + 1

    def enable(self) -> None:
        self.ask("enable")
        self.play(2)
        assert self.status["life"] == "active", self.answers

    @property
    def last_answer(self) -> tuple[bool, str]:
        one = self.answers[-1]
        return one["granted"], one["reason"]


def read_sent(row: dict[str, Any]) -> F32 | None:
    """Returns the action that a row says was sent."""
    return None if row["sent"] is None else decode_array(row["sent"])
