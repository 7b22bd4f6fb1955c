"""Peer: the robot and the people around it, as a driver sees them, and what it tells them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from aegis.core.types import F32, Decision, Nanos, Observation, PolicyId, Tick
from aegis.runtime.lifecycle import Request, RequestAnswer, Status
from aegis.runtime.watchdog import HeardInput


@dataclass(frozen=True, slots=True, eq=False)
class TickReport:
    """All that happened in a tick.

    Attributes:
        number: Number of the tick since the driver started.
        now: When it began [ns].
        lateness: How much later than its deadline [ns].
        missed: Ticks that were missed just before.
        status: Status after it.
        trouble: What is wrong with the inputs; empty for nothing.
        answers: What came of the requests.
        tick: What the controller was fed; None where it was not asked.
        decision: What it decided.
        asked: Rungs that a question was put to.
        refused: Rungs that were still busy.
        cut: Bounds that changed the action.
    """

    number: int
    now: Nanos
    lateness: Nanos
    missed: int
    status: Status
    trouble: str
    answers: tuple[RequestAnswer, ...] = ()
    tick: Tick | None = None
    decision: Decision | None = None
    asked: tuple[PolicyId, ...] = ()
    refused: tuple[PolicyId, ...] = ()
    cut: tuple[str, ...] = ()


class Peer(Protocol):
    """The robot and its people, as the driver sees them; no call may wait."""

    def observe(self, policies: Sequence[PolicyId]) -> Observation:
        """Returns the newest observation, with the pictures that these rungs look at."""
        ...

    def read_inputs(self) -> Mapping[str, HeardInput]:
        """Returns what was heard of each input."""
        ...

    def read_requests(self) -> Sequence[Request]:
        """Returns requests that came since the last tick."""
        ...

    def read_hold_action(self) -> F32 | None:
        """Returns the action that keeps the robot where it is measured to be, shape (a,).

        Absolute actions are places, so a life begins with it. None where doing nothing is the same
        everywhere.
        """
        ...

    def read_operator(self) -> F32 | None:
        """Returns the action of a person who has taken over, shape (a,), or None."""
        ...

    def send(self, action: F32 | None, report: TickReport) -> None:
        """Sends a command, shape (a,), or none, and says how things are."""
        ...
