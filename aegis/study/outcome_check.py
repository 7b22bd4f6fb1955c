"""Outcome check: recorded outcomes against those of units that another machine played again.

Where the last bits differ, episodes part after some steps, and single outcomes say nothing. Over
many units the two must still agree: rounding favours neither side.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from aegis.core.types import F64, I64, Bools, EpisodeKey
from aegis.records.rows import EpisodeRow
from aegis.stats.p_values import holm_adjusted, sign_flip_p
from aegis.study.verification import CheckResult

WHOLE_LEVEL = 0.04
"""Level of the test over all arms; with ``ARMS_LEVEL`` a sound study fails once in twenty."""
ARMS_LEVEL = 0.01
"""Level of the tests of each arm together, by Holm."""
POWER = 0.8
SOUGHT_DIFFERENCE = 0.03
"""Difference in success, over all arms, that the planned sample finds with this power."""
PLANNED_SPREAD = 0.15
"""Standard deviation over units of the mean change of outcomes of all arms of a unit. Measured:
0.136 over 60 units in 12 arms of ``reference-first``, played again with other kernels of ATen and
OpenBLAS (648 of 720 outcomes equal)."""


@dataclass(frozen=True, slots=True)
class OutcomeAgreement:
    """Recorded outcomes and those of the same units played again.

    Attributes:
        units: Number of units.
        episodes: Number of episodes.
        equal: Episodes with the same outcome.
        only_recorded: Episodes that were solved only when they were recorded.
        only_again: Episodes that are solved only now.
        p: Two-sided p-value of McNemar's test with units as clusters: exact, by sign flips.
        p_arms: Arm to its two-sided p-value by McNemar's exact test, adjusted by Holm.
        spread: Standard deviation over units of the mean change of outcomes of a unit.
    """

    units: int
    episodes: int
    equal: int
    only_recorded: int
    only_again: int
    p: float
    p_arms: dict[str, float]
    spread: float

    @classmethod
    def from_rows(
        cls, stored: Sequence[EpisodeRow], again: Sequence[EpisodeRow]
    ) -> OutcomeAgreement:
        """Compares rows.

        Args:
            stored: Recorded rows, those of other units, too.
            again: Rows of the units that were played again.
        """
        before = {(row.key, row.arm): row.success for row in stored}
        pairs = [row for row in again if (row.key, row.arm) in before]
        unit = _number_units([row.key for row in pairs])
        then = np.array([before[row.key, row.arm] for row in pairs], bool)
        now = np.array([row.success for row in pairs], bool)
        arms = np.array([row.arm for row in pairs], str)
        p_arms = {
            str(arm): _two_sided_p(then[arms == arm], now[arms == arm]) for arm in np.unique(arms)
        }
        return cls(
            units=len(np.unique(unit)),
            episodes=len(pairs),
            equal=int((then == now).sum()),
            only_recorded=int((then & ~now).sum()),
            only_again=int((now & ~then).sum()),
            p=_two_sided_p(then, now, unit),
            p_arms=holm_adjusted(p_arms),
            spread=_measure_spread(then, now, unit),
        )

    @property
    def found_difference(self) -> float:
        """Difference in success that a sample of this size finds with ``POWER``."""
        spread = self.spread if self.units > 1 else PLANNED_SPREAD
        return _sum_quantiles() * spread / math.sqrt(max(1, self.units))


def plan_sample(units: int) -> int:
    """Returns how many units to play again to find ``SOUGHT_DIFFERENCE``.

    Args:
        units: Number of units of the study; more cannot be played.
    """
    return min(units, math.ceil((_sum_quantiles() * PLANNED_SPREAD / SOUGHT_DIFFERENCE) ** 2))


def check_outcomes(agreement: OutcomeAgreement) -> tuple[CheckResult, CheckResult]:
    """Checks that outcomes of all arms together agree, and those of each arm."""
    found = agreement
    differs = f"outcomes differ: p = {found.p:.2g} is below {WHOLE_LEVEL:g}; "
    counts = (
        f"{found.equal} of {found.episodes} outcomes are equal, {found.only_recorded} solved only "
        f"as recorded, {found.only_again} only here; McNemar's test over {found.units} units: "
        f"p = {found.p:.2g}; a difference of {100 * found.found_difference:.1f} points would be "
        f"found with {POWER:.0%} power"
    )
    arms = [f"{arm}: p = {p:.2g} after Holm" for arm, p in found.p_arms.items() if p < ARMS_LEVEL]
    least = min(found.p_arms.values(), default=1.0)
    whole_faults = [differs + counts] if found.p < WHOLE_LEVEL else []
    return (
        CheckResult.from_faults("outcomes", found.episodes, whole_faults, counts),
        CheckResult.from_faults(
            "outcomes of arms",
            len(found.p_arms),
            arms,
            f"none differs at {ARMS_LEVEL:g} after Holm; the least p is {least:.2g}",
        ),
    )


def _two_sided_p(then: Bools, now: Bools, *by: I64) -> float:
    """Doubles the smaller one-sided p-value of the sign-flip test. All of shape (n,)."""
    return min(1.0, 2 * min(sign_flip_p(then, now, *by), sign_flip_p(now, then, *by)))


def _measure_spread(then: Bools, now: Bools, unit: I64) -> float:
    """Returns the standard deviation of mean changes of units; NaN of one. All of shape (n,)."""
    changes: F64 = now.astype(np.float64) - then
    counts = np.bincount(unit)
    if len(counts) < 2:
        return math.nan
    return float(np.std(np.bincount(unit, changes) / counts, ddof=1))


def _number_units(keys: Sequence[EpisodeKey]) -> I64:
    """Numbers units in the order of their first row. Shape (n,)."""
    numbers = {key: i for i, key in enumerate(dict.fromkeys(keys))}
    return np.array([numbers[key] for key in keys], np.int64)


def _sum_quantiles() -> float:
    normal = NormalDist()
    return normal.inv_cdf(1 - WHOLE_LEVEL / 2) + normal.inv_cdf(POWER)
