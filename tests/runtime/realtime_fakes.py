"""A clock that jumps, policies that answer after a time, and a robot with people around it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from aegis.core.protocols import Query
from aegis.core.types import F32, Nanos, Observation, PolicyId, Proposal
from aegis.runtime.realtime.driver import TickReport
from aegis.runtime.realtime.lane import LaneAnswer
from aegis.runtime.realtime.lifecycle import Request
from aegis.runtime.realtime.watchdog import HeardInput
from tests.core.late import propose

MS = 1_000_000


class FakeClock:
    """Jumps to a deadline, and late where it is told to."""

    def __init__(self, overshoot: Callable[[int], Nanos] = lambda _: 0) -> None:
        self.now, self._overshoot, self._sleeps = 0, overshoot, 0

    def read_time(self) -> Nanos:
        return self.now

    def sleep_until(self, deadline: Nanos) -> None:
        assert deadline >= 0
        self.now = max(self.now, deadline) + self._overshoot(self._sleeps)
        self._sleeps += 1


class FakeLane:
    """Answers after a time; None never."""

    def __init__(
        self,
        rung: PolicyId,
        clock: FakeClock,
        takes: Callable[[int], Nanos | None],
        spoil: Callable[[Proposal], Proposal | None] = lambda chunk: chunk,
    ) -> None:
        self._rung, self._clock, self._takes, self._spoil = rung, clock, takes, spoil
        self._due: tuple[Nanos | None, Query] | None = None
        self.queries: list[Query] = []
        self.fault = ""

    def submit_query(self, query: Query) -> bool:
        if self._due is not None or self.fault:
            return False
        takes = self._takes(len(self.queries))
        self.queries.append(query)
        self._due = (None if takes is None else self._clock.now + takes, query)
        return True

    def poll_answer(self) -> LaneAnswer | None:
        if self._due is None or self._due[0] is None or self._due[0] > self._clock.now:
            return None
        _, query = self._due
        self._due = None
        proposal = self._spoil(propose(self._rung, query.k))
        return LaneAnswer(query, proposal, 0, "" if proposal is not None else "broken")

    def close(self) -> None:
        self.fault = "closed"


@dataclass
class FakePeer:
    """A robot that writes down what it is sent; people press what they are told to."""

    clock: FakeClock
    requests: Callable[[int], Sequence[Request]] = lambda n: [Request.ENABLE] if n == 0 else []
    operator: Callable[[int], F32 | None] = lambda _: None
    inputs: Callable[[int], Mapping[str, HeardInput]] | None = None
    proprio: F32 = field(default_factory=lambda: np.zeros(2, np.float32))
    measured: F32 | None = None
    age: Callable[[int], Nanos] = lambda _: 0
    own_trouble: str = ""
    reports: list[TickReport] = field(default_factory=list)
    sent: list[F32 | None] = field(default_factory=list)
    looked: list[tuple[PolicyId, ...]] = field(default_factory=list)

    @property
    def count(self) -> int:
        return len(self.reports)

    def observe(self, policies: Sequence[PolicyId]) -> Observation:
        self.looked.append(tuple(policies))
        stamp = self.clock.now - self.age(self.count)
        return Observation(stamp, self.proprio, {}, "reach the goal")

    def read_inputs(self) -> Mapping[str, HeardInput]:
        if self.inputs is not None:
            return self.inputs(self.count)
        fresh = HeardInput(self.clock.now, self.clock.now)
        return {"camera": fresh, "e-stop": HeardInput(self.clock.now, self.clock.now, False)}

    def find_trouble(self) -> str:
        return self.own_trouble

    def read_requests(self) -> Sequence[Request]:
        return self.requests(self.count)

    def read_hold_action(self) -> F32 | None:
        return self.measured

    def read_operator(self) -> F32 | None:
        return self.operator(self.count)

    def send(self, action: F32 | None, report: TickReport) -> None:
        self.sent.append(None if action is None else action.copy())
        self.reports.append(report)
