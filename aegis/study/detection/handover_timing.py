"""Hand-over timing: ticks of hand-overs beside ticks of failures in the reference arm.

Until its first hand-over an arm is the reference arm, bit for bit. A failure event of the
reference that lies before the hand-over has therefore happened in the arm too, and was detected;
one that lies after it was predicted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from aegis.records.fork_rows import UnitKey, unit_key_of
from aegis.records.rows import EpisodeRow
from aegis.study.estimates import Share
from aegis.study.outcomes import Outcomes, wilson_share
from aegis.study.play.failures import FAILURE_KINDS, FailureEvent


@dataclass(frozen=True, slots=True)
class TimingResult:
    """When an arm handed over, held against what went wrong in the reference arm.

    Attributes:
        arm: The arm.
        events: Kind of failure event in the reference arm (``missed``, ``dropped``, ``blocked``,
            ``misplaced``, ``unreached``) to number of episodes.
        fired: Failing episodes in which the arm handed over.
        before: Of these with an event, those handed over before it: predicted, not detected.
        lead: Quartiles of event tick minus hand-over tick [control steps]; NaN without any.
        first_fire: Quartiles of the tick of the first hand-over [control steps].
    """

    arm: str
    events: Mapping[str, int]
    fired: Share
    before: Share
    lead: tuple[float, float, float]
    first_fire: tuple[float, float, float]


def describe_timing(
    outcomes: Outcomes, arm: str, reference: str, events: Mapping[UnitKey, FailureEvent]
) -> TimingResult:
    """Describes one arm's hand-overs.

    Args:
        outcomes: All arms on the same units.
        arm: The arm.
        reference: The arm that the events were seen in.
        events: First mishap of failing episodes of the reference.
    """
    rows = outcomes.rows[arm]
    ticks = [first_strong_tick(row) for row in rows]
    failing = np.flatnonzero(~outcomes.success[reference])
    kinds = dict.fromkeys(FAILURE_KINDS, 0)
    fired, leads = [], []
    for i in failing:
        event, tick = events.get(unit_key_of(rows[i])), ticks[i]
        fired.append(tick is not None)
        if event is not None and event.kind:
            kinds[event.kind] += 1
            if tick is not None:
                leads.append(event.k - tick)
    return TimingResult(
        arm=arm,
        events=kinds,
        fired=wilson_share(np.array(fired, bool)),
        before=wilson_share(np.array(leads, np.int64) > 0),
        lead=_compute_quartiles(leads),
        first_fire=_compute_quartiles([tick for tick in ticks if tick is not None]),
    )


def first_strong_tick(row: EpisodeRow) -> int | None:
    """Returns the first tick that the strong policy drove, or None; 0 if it drove first."""
    if row.strong_steps == 0:
        return None
    return row.handover_k if has_weak_start(row) else 0


def has_weak_start(row: EpisodeRow) -> bool:
    """Says whether the first change of driver was one that the arm's gate had asked for.

    Else the strong policy drove first, and the first change was its return.
    """
    if row.handover_k is None:
        return row.strong_steps == 0
    return row.first_fire_k is not None and row.first_fire_k < row.handover_k


def _compute_quartiles(values: Sequence[int]) -> tuple[float, float, float]:
    if not len(values):
        return (float("nan"),) * 3
    low, middle, high = np.quantile(np.array(values, np.float64), [0.25, 0.5, 0.75])
    return float(low), float(middle), float(high)
