"""Bus peer: a robot and its people, as the driver sees them, over topics on a bus."""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Mapping, Sequence
from math import isnan
from typing import Any

from aegis.core.errors import ConfigError, ContractError
from aegis.core.types import F32, ActionKind, Nanos, Observation, PolicyId
from aegis.ros.contract.contract import Contract
from aegis.ros.message import cdr as m
from aegis.ros.message.decoding import decode_operator
from aegis.ros.message.encoding import encode_command
from aegis.ros.names import ANSWER, DECISIONS, DRIVER_BELL, PROPOSALS, STATUS, TROUBLE
from aegis.ros.requests import (
    DRIVER_REQUESTS,
    OPERATOR_REQUESTS,
    REQUEST_TOPICS,
    build_answer,
    read_request,
)
from aegis.ros.rows import describe_tick, encode_array, encode_proposal
from aegis.ros.sensing import Sensing
from aegis.runtime.bus import Bus, BusEntry
from aegis.runtime.bus_reader import BusReader
from aegis.runtime.realtime.lifecycle import Life, Request, RequestAnswer
from aegis.runtime.realtime.peer import TickReport
from aegis.runtime.realtime.watchdog import HeardInput

_NANOS = 1_000_000_000
_DIGITS = re.compile(r"\d+")


class BusAlarm:
    """Wakes the driver when an urgent message arrives.

    Args:
        bus: The bus.
    """

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    def wait_until(self, deadline: Nanos) -> bool:
        """Waits for an urgent message until a time [ns]; returns whether one came."""
        left = deadline - time.monotonic_ns()
        return left > 0 and self._bus.await_bell(DRIVER_BELL, left / _NANOS)


class BusPeer:
    """Reads a robot's messages off a bus, and writes commands, status and rows to it.

    Args:
        contract: What the messages mean.
        bus: The bus.
        cameras: Rung to the pictures that its policy looks at, name to height and width [px].
        context: What every status says besides, for example the rungs.
        starts: Request topic to the number of the first request that is this driver's; None for
            those that come from now on.
        people: Rungs that are people.
    """

    def __init__(
        self,
        contract: Contract,
        bus: Bus,
        cameras: Mapping[PolicyId, Mapping[str, tuple[int, int]]],
        context: Mapping[str, Any],
        starts: Mapping[str, int] | None = None,
        people: Collection[PolicyId] = (),
    ) -> None:
        self._contract, self._bus, self._cameras = contract, bus, cameras
        self._embodiment = contract.build_embodiment()
        self._axes = self._embodiment.names
        self._sensing = Sensing(contract, bus)
        self._requests = BusReader(bus, REQUEST_TOPICS, starts=starts)
        self._troubles, self._trouble = BusReader(bus, [TROUBLE], everything=True), ""
        operator = contract.operator
        self._operator = BusReader(bus, [] if operator is None else [operator.topic])
        self._commanded: tuple[BusEntry, bytes] | None = None
        self._asked: list[dict[str, Any] | None] = []
        self._taken_over, self._last = False, self._embodiment.hold
        self._said: dict[str, Any] = {"trouble": "", "life": Life.INACTIVE.value}
        self._context, self._ending, self._unsaid = dict(context), False, ""
        self._people, self._called = frozenset(people), ""

    def observe(self, policies: Sequence[PolicyId]) -> Observation:
        """Returns the newest observation, with the pictures that these rungs look at."""
        cameras: dict[str, tuple[int, int]] = {}
        for rung in policies:
            cameras.update(self._cameras[rung])
        return self._sensing.observe(cameras)

    def read_inputs(self) -> Mapping[str, HeardInput]:
        """Returns what was heard of each input."""
        return self._sensing.read_inputs()

    def find_trouble(self) -> str:
        """Returns what the process that started this one complains of, or why nothing is seen."""
        for _, raw in self._troubles.take_new():
            self._trouble = str(m.decode_message(raw, m.STRING, TROUBLE).data)
        unsaid, self._unsaid = self._unsaid, ""
        return unsaid or self._trouble or self._sensing.find_trouble()

    def read_requests(self) -> Sequence[Request]:
        """Returns what is asked of the driver; an operator's takeover is answered at once."""
        found: list[Request] = [Request.DISABLE] if self._ending else []
        self._asked = [None] * len(found)  # Nobody asked for that, so nobody is answered.
        for entry, raw in self._requests.take_new():
            try:
                asked = read_request(entry.topic, raw)
            except ContractError as error:
                self._answer({"id": None, "request": entry.topic}, False, str(error))
                continue
            name = asked["request"]
            if name in OPERATOR_REQUESTS:
                self._take_over(asked, OPERATOR_REQUESTS[name])
            elif name in DRIVER_REQUESTS:
                self._asked.append(asked)
                found.append(DRIVER_REQUESTS[name])
            # What else may be asked is for the process that started this one.
        return found

    def end(self) -> None:
        """Asks for the robot to be disabled, since the driver ends."""
        self._ending = True

    def read_hold_action(self) -> F32 | None:
        """Returns the action that keeps the robot where it is, shape (a,), if actions are places.

        Raises:
            ContractError: If an axis that moves no state has no place to stay at.
        """
        if self._embodiment.kind is not ActionKind.ABSOLUTE:
            return None
        proprio = self._sensing.observe({}).proprio
        where = self._contract.build_proprio_map()
        action = self._embodiment.stay_idle(self._last).copy()
        for i, (entry, scale) in enumerate(zip(where.entries, where.scales, strict=True)):
            if entry >= 0 and scale != 0:
                action[i] = proprio[entry] / scale
        return action

    def read_operator(self) -> F32 | None:
        """Returns the action of a person who has taken over, shape (a,), or None.

        A person who took over and commands nothing lets the robot do nothing.
        """
        for pair in self._operator.take_new():
            self._commanded = pair
        operator = self._contract.operator
        if not self._taken_over or operator is None:
            return None
        idle = self._embodiment.stay_idle(self._last)
        if self._commanded is None:
            return idle
        entry, raw = self._commanded
        if time.monotonic_ns() - entry.arrived > operator.max_age * _NANOS:
            return idle
        return decode_operator(raw, operator, self._axes, idle)

    def send(self, action: F32 | None, report: TickReport) -> None:
        """Sends a command, shape (a,), or none; then says how things are."""
        if action is not None:
            stamp = time.time_ns()
            for command in self._contract.commands:
                raw = encode_command(command, self._axes, action, stamp)
                self._write(command.topic, raw)
            self._last = action
        if report.status.life is not Life.ACTIVE:
            # Whoever enables the robot again starts with the policies.
            self._taken_over = False
        try:
            self._write_rows(action, report)
        except ConfigError as error:  # Longer than the bus takes: a fault, and no dead driver.
            self._unsaid = str(error)
        # After the status, so that who hears an answer finds the state that it led to.
        for asked, answer in zip(self._asked, report.answers, strict=False):
            if asked is not None:
                self._answer_request(asked, answer)
        self._asked = []

    def _write_rows(self, action: F32 | None, report: TickReport) -> None:
        key = None
        if report.decision is not None and report.key is not None:
            key = report.key
            assert report.tick is not None
            for proposal in report.tick.proposals.values():
                self._write(PROPOSALS, m.encode_bytes(encode_proposal(key, proposal)))
        row = describe_tick(report, key, self._sensing.used, action)
        if report.decision is not None and report.decision.k == 0 and report.began_with is not None:
            row["began_with"] = encode_array(report.began_with)
        self._write(DECISIONS, m.encode_json(row))
        decision = report.decision
        self._remember_call(report)
        said = {
            "life": report.status.life.value,
            "fault": report.status.fault,
            "trouble": report.trouble,
            "mode": decision.mode.active if decision is not None else "",
            "fires": decision.fires if decision is not None else 0,
            "taken_over": self._taken_over,
            "called": self._called,
        }
        if decision is not None and decision.scores:
            self._context["scores"] = {
                one.detector: None if isnan(one.value) else one.value for one in decision.scores
            }
            self._context["verdict"] = decision.verdict.level.name
            self._context["why"] = decision.verdict.reason
        # A trouble's age changes with each tick; that is no news.
        if {**said, "trouble": ""} != {**self._said, "trouble": ""} or (
            _DIGITS.sub("", report.trouble) != _DIGITS.sub("", str(self._said["trouble"]))
        ):
            self._said = said
            self._write(STATUS, m.encode_json({**self._context, **said, "now": report.now}))

    def _remember_call(self, report: TickReport) -> None:
        """Notes who was called; a call stands until somebody takes over, or the life ends."""
        if self._taken_over or report.status.life is not Life.ACTIVE:
            self._called = ""
        elif report.decision is not None and report.decision.next_mode.active in self._people:
            self._called = report.decision.next_mode.active

    def _take_over(self, asked: dict[str, Any], taken: bool) -> None:
        if taken and self._contract.operator is None:
            self._answer(asked, False, "the contract names no operator")
        elif taken and self._said.get("life") != Life.ACTIVE.value:
            self._answer(asked, False, f"cannot take over while {self._said.get('life')}")
        else:
            self._taken_over = taken
            self._answer(asked, True, "")

    def _answer_request(self, asked: dict[str, Any], answer: RequestAnswer) -> None:
        life = answer.status.life.value
        self._answer(asked, answer.granted, answer.reason, life)

    def _answer(
        self, asked: dict[str, Any], granted: bool, reason: str, life: str | None = None
    ) -> None:
        known = str(self._said.get("life", "")) if life is None else life
        self._write(ANSWER, build_answer(asked, granted, reason, known))

    def _write(self, topic: str, raw: bytes) -> None:
        self._bus.write_message(topic, raw, time.monotonic_ns())
