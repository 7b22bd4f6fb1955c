"""Sign-test e-process: evidence for an arm that may be looked at after every unit.

Under the null each discordant unit favours the arm with probability at most one half. A bettor
with a fair stake whose chance theta is uniform on (1/2, 1] then has expected wealth at most 1 at
any time, so wealth ever reaches 1 / alpha with probability at most alpha (Ville 1939; Ramdas et
al. 2023, Statistical Science 38:576). No plan of looks is needed.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betainc, betaln

from aegis.core.errors import ShapeError
from aegis.core.types import F64, I64, Bools
from aegis.stats.power import bisect_counts, expect_over_counts, find_least_units, table_size

# Smaller tails are added up as a series: towards 1e-308 numbers lose their digits, then vanish.
_UNDERFLOW = 1e-280


def log_e_value(recovered: ArrayLike, disrupted: ArrayLike) -> F64:
    """Returns the logarithm of the e-process after b recovered and c disrupted units.

    It is log 2 + log B(b+1, c+1) + log P(Beta(b+1, c+1) > 1/2) + (b+c) log 2.

    Args:
        recovered: Units that only the arm solved; arrays are broadcast.
        disrupted: Units that only the reference solved.

    Returns:
        Shape of the counts.

    Raises:
        ShapeError: If a count is negative.
    """
    b, c = np.broadcast_arrays(np.asarray(recovered, np.float64), np.asarray(disrupted, np.float64))
    if (b < 0).any() or (c < 0).any():
        raise ShapeError(f"Counts must not be negative. Got: {recovered!r}, {disrupted!r}.")
    # P(Beta(b + 1, c + 1) > 1/2) by symmetry, since a difference from 1 would lose a small one.
    tail = betainc(c + 1, b + 1, 0.5)
    lost = tail < _UNDERFLOW
    log_tail = np.log(np.where(lost, 1.0, tail))
    found: F64 = (b + c + 1) * np.log(2) + betaln(b + 1, c + 1) + log_tail
    # Where no series is needed 0 and 1 stand in, for which its terms halve.
    if lost.any():
        found = np.where(lost, _log_e_by_series(np.where(lost, b, 0), np.where(lost, c, 1)), found)
    return found


def _log_e_by_series(b: F64, c: F64) -> F64:
    """Returns log e where c is so much larger than b that the probability underflows.

    There 1/2 F(b + c + 2, 1; c + 2; 1/2) / (c + 1), Gauss's hypergeometric series, converges
    quickly: terms shrink at least by (b + c) / 2c.

    Args:
        b: Recovered units. Any shape.
        c: Disrupted units. Shape of ``b``.

    Returns:
        Shape of ``b``.
    """
    term, total, k = np.ones_like(b), np.ones_like(b), 0
    # What is smaller does not change a double any more.
    while (term > 1e-17 * total).any():
        term = term * (b + c + 2 + k) / (c + 2 + k) / 2
        total, k = total + term, k + 1
    found: F64 = np.log(total) - np.log(2 * (c + 1))
    return found


def log_e_path(arm: Bools, against: Bools) -> F64:
    """Returns log e after each unit, in their planned order.

    Args:
        arm: Success of the arm. Shape (n,).
        against: Success of the other arm on the same units. Shape (n,).

    Returns:
        Shape (n,).

    Raises:
        ShapeError: If the shapes differ.
    """
    x, y = np.asarray(arm, bool), np.asarray(against, bool)
    if x.ndim != 1 or x.shape != y.shape:
        raise ShapeError(f"Arms must be vectors over the same units. Got: {x.shape}, {y.shape}.")
    return log_e_value(np.cumsum(x & ~y), np.cumsum(~x & y))


def stopping_time(path: F64, alpha: float) -> int | None:
    """Returns after how many units e first reached 1 / alpha; None if it never did.

    Args:
        path: Logarithm of the e-process after each unit. Shape (n,).
        alpha: Level.
    """
    reached = np.flatnonzero(np.asarray(path) >= -np.log(alpha))
    return int(reached[0]) + 1 if len(reached) else None


def anytime_p(path: F64) -> float:
    """Returns the p-value that holds at any time: one over the largest e so far; 1 at most.

    Args:
        path: Logarithm of the e-process after each unit. Shape (n,).
    """
    return float(np.exp(-np.max(path, initial=0.0)))


def sequential_power(recovered: float, disrupted: float, n: int, alpha: float = 0.05) -> float:
    """Returns the probability that the e-process stops for the arm within n units, exactly.

    Args:
        recovered: Probability that only the arm solves a unit.
        disrupted: Probability that only the reference does.
        n: Number of units.
        alpha: Level.
    """
    rate = recovered + disrupted
    if rate == 0:
        return 0.0
    theta = recovered / rate
    return expect_over_counts(n, rate, _stopping_probabilities(theta, n, alpha))


def sequential_units(
    power: float,
    recovered: float,
    disrupted: float,
    alpha: float = 0.05,
    *,
    step: int = 1,
    at_most: int = 20_000,
) -> int | None:
    """Returns within how many units the e-process stops for the arm with a probability.

    For one half it is the median number of units that a study needs.

    Args:
        power: The probability.
        recovered: Probability that only the arm solves a unit.
        disrupted: Probability that only the reference does.
        alpha: Level.
        step: Numbers tried are its multiples.
        at_most: Where the search ends.

    Returns:
        None if no number up to ``at_most`` suffices, as where the arm does not help.
    """
    if recovered <= disrupted:
        return None
    return find_least_units(
        power,
        lambda n: sequential_power(recovered, disrupted, n, alpha),
        step=step,
        at_most=at_most,
    )


def stopping_counts(n: int, alpha: float) -> I64:
    """Returns how many of d discordant units must be recovered to stop, for d = 0 to n.

    Args:
        n: Largest number of discordant units.
        alpha: Level.

    Returns:
        d + 1, which cannot happen, where even d of d would not do. Shape (n + 1,).
    """
    d = np.arange(n + 1)
    return bisect_counts(lambda b: log_e_value(b, d - b) >= -np.log(alpha), d)


def _stopping_probabilities(theta: float, n: int, alpha: float) -> F64:
    """Returns P(stopped by d discordant units) for d = 0 to n. Shape (n + 1,)."""
    return _tabulate_stopping(theta, table_size(n), alpha)[: n + 1]


@lru_cache(maxsize=32)
def _tabulate_stopping(theta: float, size: int, alpha: float) -> F64:
    """Returns P(stopped by d discordant units) for d = 0 to ``size``. Shape (size + 1,).

    It carries P(b recovered of d, not stopped yet) from d to d + 1; stopped mass leaves (Armitage,
    McPherson and Rowe 1969).
    """
    enough = stopping_counts(size, alpha)
    going = np.zeros(size + 2)
    going[0] = 1.0
    out = np.zeros(size + 1)
    for d in range(1, size + 1):
        going[1 : d + 1] = going[1 : d + 1] * (1 - theta) + going[:d] * theta
        going[0] *= 1 - theta
        out[d] = out[d - 1] + going[enough[d] : d + 1].sum()
        going[enough[d] : d + 1] = 0.0
    # What has left is a sum of up to d rounded terms: certain, it may exceed 1 by as many eps.
    np.minimum(out, 1.0, out=out)
    out.setflags(write=False)
    return out
