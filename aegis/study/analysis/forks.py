"""Forks: what handing over everything at one tick was worth, by tick.

From a state of an episode that the weak policy drove, the strong policy finishes it, and so does
the weak one with fresh noise. Strong's success minus the re-drawn weak one's is the advantage of a
hand-over there; recovery r and disruption d say whether it can pay at all: handing over gains
p r - (1 - p) d where p is the share that would fail, so it pays only where p > d / (r + d).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from aegis.core.seeds import stream
from aegis.records.forks import RESEED, STRONG, Unit, forks_of, unit_of
from aegis.records.rows import EpisodeRow
from aegis.stats.differences import clustered_difference
from aegis.stats.intervals import Interval
from aegis.study.estimates import Estimate, Share
from aegis.study.outcomes import share


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


def fork_points(
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
    weak = {unit_of(row): row for row in rows if row.arm == reference}
    strong, reseed = forks_of(rows, STRONG), forks_of(rows, RESEED)
    points = []
    for k in sorted(strong):
        running = [unit for unit in sorted(strong[k]) if unit in weak and weak[unit].steps > k]
        if running:
            points.append(_point(k, running, weak, strong[k], reseed.get(k, {}), draws))
    return tuple(points)


def _point(
    k: int,
    units: Sequence[Unit],
    weak: Mapping[Unit, EpisodeRow],
    strong: Mapping[Unit, EpisodeRow],
    reseed: Mapping[Unit, EpisodeRow],
    draws: int,
) -> ForkPoint:
    solved = np.array([weak[unit].success for unit in units], bool)
    helped = np.array([strong[unit].success for unit in units], bool)
    failing = share(~solved)
    recovers, disrupts = share(helped[~solved]), share(~helped[solved])
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
        reseeded=share(retried),
        advantage=_advantage(k, again, strong, reseed, draws),
        pays=failing.value * r > (1 - failing.value) * d,
    )


def _advantage(
    k: int,
    units: Sequence[Unit],
    strong: Mapping[Unit, EpisodeRow],
    reseed: Mapping[Unit, EpisodeRow],
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
        stream(rows[0].root, "study", "fork", k),
        draws=draws,
    )
    return Estimate.of(found)
