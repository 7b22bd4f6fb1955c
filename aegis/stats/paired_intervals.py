"""What follows from the four paired cells alone: score intervals, non-inferiority, odds."""

from __future__ import annotations

from math import sqrt

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from aegis.core.errors import ShapeError
from aegis.core.types import F64
from aegis.stats.intervals import Interval, clopper_pearson_interval, wilson_interval
from aegis.stats.paired_outcome import PairedOutcome

_HALVINGS = 60


def tango_z(recovered: ArrayLike, disrupted: ArrayLike, n: int, difference: float) -> F64:
    """Returns Tango's score statistic of a supposed difference of paired rates (Tango 1998).

    It is the observed minus the supposed difference over its standard error, which is estimated
    with the supposed difference as a constraint.

    Args:
        recovered: Units that only the arm solved; arrays are broadcast.
        disrupted: Units that only the reference solved.
        n: All units.
        difference: The supposed success rate of the arm minus that of the reference.

    Returns:
        Positive where more was observed than supposed. Shape of the counts.
    """
    b, c = np.asarray(recovered, np.float64), np.asarray(disrupted, np.float64)
    slope = (2 * n - b + c) * difference - b - c
    root = np.sqrt(np.maximum(slope**2 + 8 * n * c * difference * (1 - difference), 0.0))
    lost = (root - slope) / (4 * n)
    variance = n * (2 * lost + difference * (1 - difference))
    gap = b - c - n * difference
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(variance > 0, gap / np.sqrt(variance), np.sign(gap) * np.inf)
    found: F64 = np.where(gap == 0, 0.0, z)
    return found


def tango_interval(outcome: PairedOutcome, level: float = 0.95) -> Interval:
    """Returns Tango's score interval of the paired difference (Tango 1998).

    It holds its level with few discordant units, where Wald's and the bootstrap fail.

    Raises:
        ShapeError: If there is no unit.
    """
    n, b, c = _require_units(outcome), outcome.recovered, outcome.disrupted
    z = float(ndtri(0.5 + level / 2))

    def bisect_limit(inside: float, outside: float, sign: float) -> float:
        for _ in range(_HALVINGS):
            middle = (inside + outside) / 2
            kept = sign * float(tango_z(b, c, n, middle)) <= z
            inside, outside = (middle, outside) if kept else (inside, middle)
        return inside

    low = -1.0 if c == n else bisect_limit(outcome.difference, -1.0, 1.0)
    high = 1.0 if b == n else bisect_limit(outcome.difference, 1.0, -1.0)
    return Interval(low, high)


def newcombe_interval(outcome: PairedOutcome, level: float = 0.95) -> Interval:
    """Returns Newcombe's interval of the paired difference: Wilson intervals, squared and added.

    It is method 10 of Newcombe (1998, Statistics in Medicine 17:2635), with its correction of the
    correlation between the arms.

    Raises:
        ShapeError: If there is no unit.
    """
    n = _require_units(outcome)
    ones, others = outcome.both + outcome.recovered, outcome.both + outcome.disrupted
    first, second = wilson_interval(ones, n, level), wilson_interval(others, n, level)
    below, above = ones / n - first.low, first.high - ones / n
    under, over = others / n - second.low, second.high - others / n
    phi = _corrected_phi(outcome)
    left = below**2 - 2 * phi * below * over + over**2
    right = above**2 - 2 * phi * above * under + under**2
    return Interval(
        outcome.difference - sqrt(max(left, 0.0)), outcome.difference + sqrt(max(right, 0.0))
    )


def noninferiority_p(outcome: PairedOutcome, margin: float) -> float:
    """Returns the one-sided p-value of "the arm is worse by less than the margin" (Tango 1998).

    The null is that the arm solves at least ``margin`` less than the reference.

    Args:
        outcome: The arm against the reference.
        margin: Loss of success rate that would still be tolerated, above 0.

    Raises:
        ShapeError: If there is no unit, or the margin lies outside (0, 1).
    """
    if not 0 < margin < 1:
        raise ShapeError(f"margin must lie in (0, 1). Got: {margin}. State it beforehand.")
    z = tango_z(outcome.recovered, outcome.disrupted, _require_units(outcome), -margin)
    return float(ndtr(-z))


def tango_lower_limit(outcome: PairedOutcome, alpha: float = 0.05) -> float:
    """Returns the one-sided lower limit of the paired difference by Tango's score.

    The arm is non-inferior at alpha where it lies above minus the margin; this agrees with
    ``noninferiority_p``.

    Raises:
        ShapeError: If there is no unit.
    """
    return tango_interval(outcome, 1 - 2 * alpha).low


def odds_interval(outcome: PairedOutcome, level: float = 0.95) -> Interval:
    """Returns the exact conditional interval of the odds recovered : disrupted.

    It is the interval of Clopper and Pearson for the share of recovered among discordant units,
    as odds. Infinite above where nothing was disrupted.
    """
    share = clopper_pearson_interval(
        outcome.recovered, outcome.recovered + outcome.disrupted, level
    )
    high = share.high / (1 - share.high) if share.high < 1 else float("inf")
    return Interval(share.low / (1 - share.low), high)


def _corrected_phi(outcome: PairedOutcome) -> float:
    a, b, c, d = outcome.both, outcome.recovered, outcome.disrupted, outcome.neither
    scale = sqrt((a + b) * (c + d)) * sqrt((a + c) * (b + d))
    if not scale:
        return 0.0
    product = float(a * d - b * c)
    if product > 0:
        product = max(product - outcome.units / 2, 0.0)
    return product / scale


def _require_units(outcome: PairedOutcome) -> int:
    if not outcome.units:
        raise ShapeError("An interval needs at least one unit. Got none.")
    return outcome.units
