"""Rows: records of episodes, steps and features, and the tables they make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from aegis.core.types import F32, EpisodeKey, PolicyId


@dataclass(frozen=True, slots=True)
class EpisodeRow:
    """One episode of one arm.

    Attributes:
        root, suite, task, start, index: The episode's key.
        arm: Name of the arm.
        instruction: What the robot was told.
        success: Whether the goal was reached.
        stop: Why it ended: ``success``, ``horizon``, ``world`` or the reason of a Stop.
        steps: Commands executed [control steps].
        strong_steps: Steps under the arm's second driver [control steps]: the strong policy, but in
            a placebo arm the weak one with fresh noise, which costs no strong call (see ``asks``).
        weak_steps: All other steps [control steps].
        fires: Hand-overs to the second driver decided.
        first_fire_k: Tick of the first of them, or None.
        handover_k: First tick driven by another than the arm's first policy, or None.
        holds: Length of each stay of the second driver [chunks].
        asks: Policy and number of queries, by name.
        digest: Hash of all states, drivers and actions.
        final: Hash of the last state.
        steps_by: Driver and number of steps, by name; None in tables of before. The digest covers
            it, so rows that differ in nothing else are equal.
    """

    root: int
    suite: str
    task: int
    start: str
    index: int
    arm: str
    instruction: str
    success: bool
    stop: str
    steps: int
    strong_steps: int
    weak_steps: int
    fires: int
    first_fire_k: int | None
    handover_k: int | None
    holds: tuple[int, ...]
    asks: tuple[tuple[PolicyId, int], ...]
    digest: str
    final: str
    steps_by: tuple[tuple[PolicyId, int], ...] | None = field(default=None, compare=False)

    @property
    def key(self) -> EpisodeKey:
        """The unit that was played."""
        return EpisodeKey(self.root, self.suite, self.task, self.start, self.index)

    @property
    def duty(self) -> float:
        """Share of steps under the arm's second driver; 0 before the first step.

        It is what strong help costs in all arms but a placebo, whose second driver is the weak
        policy with fresh noise.
        """
        return self.strong_steps / self.steps if self.steps else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class StepRow:
    """One control step: all that the decision was made from, and the decision.

    Attributes:
        k: Tick.
        active: Who drives.
        since_k: Since when.
        next: Who drives from the next chunk boundary on.
        boundary: Whether a chunk started here.
        dwell: Chunks that the driver has started since it took over, this one included.
        command: ``act``, ``hold`` or ``stop``.
        action: What was executed. Shape (a,).
        command_reason: Why not ``act``; empty if it is.
        risk: First detector's score; None if none arrived, NaN if unknown.
        scores: Detector and score.
        level: The gate's verdict: ``STAY``, ``ESCALATE`` or ``HALT``.
        reason: The gate's words.
        hold: Chunks that the gate orders, or None.
        fires: Hand-overs decided so far.
        asked: Who was queried for this tick.
        proprio: Shape (p,).
        truth: Simulator truth by name, as far as the plan asks for it.
        digest: Hash of the state before the command.
        pictures: Hash of the pictures that were looked at; empty where none were.
    """

    k: int
    active: PolicyId
    since_k: int
    next: PolicyId
    boundary: bool
    dwell: int
    command: str
    action: F32
    command_reason: str
    risk: float | None
    scores: tuple[tuple[str, float], ...]
    level: str
    reason: str
    hold: int | None
    fires: int
    asked: tuple[PolicyId, ...]
    proprio: F32
    truth: tuple[tuple[str, list[float]], ...]
    digest: str
    pictures: str


@dataclass(frozen=True, slots=True, eq=False)
class FeatureRow:
    """One pooled activation. Shape of ``vector``: (f,)."""

    k: int
    policy: PolicyId
    layer: str
    vector: F32


@dataclass(frozen=True, slots=True, eq=False)
class SampleRow:
    """Further draws of one chunk.

    Attributes:
        k: Tick of the observation [control steps].
        policy: Who proposed it.
        samples: Draws of the chunk in the embodiment's units, shape (n, h, a).
    """

    k: int
    policy: PolicyId
    samples: F32


@dataclass(frozen=True, slots=True, eq=False)
class EpisodeRecord:
    """All rows of one finished episode."""

    row: EpisodeRow
    steps: tuple[StepRow, ...]
    features: tuple[FeatureRow, ...]
    samples: tuple[SampleRow, ...] = ()


def parse_episode_row(record: Mapping[str, Any]) -> EpisodeRow:
    """Returns a row from its fields, as a table or JSON gives them."""
    values = {one.name: record[one.name] for one in fields(EpisodeRow) if one.name != "steps_by"}
    values["holds"] = tuple(record["holds"])
    values["asks"] = tuple((name, count) for name, count in record["asks"])
    if (steps_by := record.get("steps_by")) is not None:
        values["steps_by"] = tuple((name, count) for name, count in steps_by)
    return EpisodeRow(**values)
