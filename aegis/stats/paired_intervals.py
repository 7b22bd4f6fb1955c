"""What follows from the four paired cells alone: Tango's interval and test of non-inferiority."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from aegis.core.errors import ShapeError
from aegis.core.types import F64
from aegis.stats.intervals import Interval
from aegis.stats.paired_outcome import PairedOutcome

# Halved so often, an interval within [-1, 1] is smaller than the distance of two doubles near 1.
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


def _require_units(outcome: PairedOutcome) -> int:
    if not outcome.units:
        raise ShapeError("An interval needs at least one unit. Got none.")
    return outcome.units
