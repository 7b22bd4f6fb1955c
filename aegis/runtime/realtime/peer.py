"""Peer: the robot and the people around it, as a driver sees them, and what it tells them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from aegis.core.types import F32, Decision, EpisodeKey, Nanos, Observation, PolicyId, Tick
from aegis.runtime.realtime.lifecycle import Request, RequestAnswer, Status
from aegis.runtime.realtime.watchdog import HeardInput


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
        took: Rung to how long the answer took that came [ns].
        failed: Rung to why no answer came.
        cut: Bounds that changed the action.
        alarm: Whether it is no tick, but what an alarm led to before tick ``number``.
        key: Address of the life; None while nobody drives.
        began_with: Action that the life began with, shape (a,); None while nobody drives.
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
    took: Mapping[PolicyId, Nanos] = field(default_factory=dict)
    failed: Mapping[PolicyId, str] = field(default_factory=dict)
    cut: tuple[str, ...] = ()
    alarm: bool = False
    key: EpisodeKey | None = None
    began_with: F32 | None = None


class Peer(Protocol):
    """The robot and its people, as the driver sees them; no call may wait."""

    def observe(self, policies: Sequence[PolicyId]) -> Observation:
        """Returns the newest observation, with the pictures that these rungs look at."""
        ...

    def read_inputs(self) -> Mapping[str, HeardInput]:
        """Returns what was heard of each input."""
        ...

    def find_trouble(self) -> str:
        """Returns what else keeps the robot from being driven; empty for nothing."""
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
