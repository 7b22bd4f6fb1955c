"""Fork points: the worth of handing over everything at one tick, by tick.

From a state of an episode that the weak policy drove, the strong policy finishes it, and so does
the weak one with fresh noise. Strong's success minus the re-drawn weak one's is the advantage of a
hand-over there; recovery r and disruption d say whether it can pay at all: handing over gains
p r - (1 - p) d where p is the share that would fail, so it pays only where p > d / (r + d).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from aegis.core.seeds import root_stream
from aegis.records.fork_rows import RESEED_FORK, STRONG_FORK, UnitKey, select_forks, unit_key_of
from aegis.records.rows import EpisodeRow
from aegis.stats.differences import clustered_difference
from aegis.stats.intervals import Interval
from aegis.study.estimates import Estimate, Share
from aegis.study.outcomes import wilson_share


@dataclass(frozen=True, slots=True)
class ForkPoint:
    """What a hand-over at one tick was worth.

    Attributes:
        k: Tick of the fork [control steps].
        n: Episodes still running then.
        failing: Of these, the share that the weak policy goes on to fail: p.
        recovers: Strong's success where the weak policy fails: r.
        disrupts: Strong's failure where the weak policy succeeds: d.
        reseeded: Success of the weak policy with fresh noise where it fails with the first.
        advantage: Success of strong minus success of weak with fresh noise.
        pays: Whether p > d / (r + d).
    """

    k: int
    n: int
    failing: Share
    recovers: Share
    disrupts: Share
    reseeded: Share
    advantage: Estimate
    pays: bool


def describe_forks(
    rows: Sequence[EpisodeRow], reference: str, *, draws: int = 2000
) -> tuple[ForkPoint, ...]:
    """Describes a fork set.

    Args:
        rows: The reference arm's rows and those of its forks.
        reference: The arm that was forked.
        draws: Bootstrap resamples.

    Returns:
        By tick; episodes that had ended before it are left out there.
    """
    weak = {unit_key_of(row): row for row in rows if row.arm == reference}
    strong, reseed = select_forks(rows, STRONG_FORK), select_forks(rows, RESEED_FORK)
    points = []
    for k in sorted(strong):
        running = [unit for unit in sorted(strong[k]) if unit in weak and weak[unit].steps > k]
        if running:
            points.append(_describe_fork(k, running, weak, strong[k], reseed.get(k, {}), draws))
    return tuple(points)


def _describe_fork(
    k: int,
    units: Sequence[UnitKey],
    weak: Mapping[UnitKey, EpisodeRow],
    strong: Mapping[UnitKey, EpisodeRow],
    reseed: Mapping[UnitKey, EpisodeRow],
    draws: int,
) -> ForkPoint:
    solved = np.array([weak[unit].success for unit in units], bool)
    helped = np.array([strong[unit].success for unit in units], bool)
    failing = wilson_share(~solved)
    recovers, disrupts = wilson_share(helped[~solved]), wilson_share(~helped[solved])
    again = [unit for unit in units if unit in reseed]
    retried = np.array([reseed[unit].success for unit in again if not weak[unit].success], bool)
    # A rate of no episode harms nobody and helps nobody.
    r, d = (0.0 if np.isnan(part.value) else part.value for part in (recovers, disrupts))
    return ForkPoint(
        k=k,
        n=len(units),
        failing=failing,
        recovers=recovers,
        disrupts=disrupts,
        reseeded=wilson_share(retried),
        advantage=_estimate_advantage(k, again, strong, reseed, draws),
        pays=failing.value * r > (1 - failing.value) * d,
    )


def _estimate_advantage(
    k: int,
    units: Sequence[UnitKey],
    strong: Mapping[UnitKey, EpisodeRow],
    reseed: Mapping[UnitKey, EpisodeRow],
    draws: int,
) -> Estimate:
    rows = [strong[unit] for unit in units]
    if not rows:
        return Estimate(float("nan"), Interval(-1.0, 1.0))  # Nothing is known of a difference.
    found = clustered_difference(
        np.array([row.success for row in rows], bool),
        np.array([reseed[unit].success for unit in units], bool),
        np.array([row.task for row in rows], np.int64),
        np.array([row.index for row in rows], np.int64),
        root_stream(rows[0].root, "study", "fork", k),
        draws=draws,
    )
    return Estimate.from_bootstrap(found)
