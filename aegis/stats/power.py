"""Power of the planned tests, exactly: summed over all outcomes, not simulated."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import scipy  # scipy.stats is imported when it is first used: that takes a second

from aegis.core.errors import ShapeError
from aegis.core.types import F64, I64, Bools
from aegis.stats.paired_intervals import tango_z
from aegis.stats.paired_outcome import binomial_tail

_MAX_DEVIATIONS = 9.0
"""Outcomes further than so many standard deviations from the mean are left out (< 1e-18)."""


def mcnemar_power(recovered: float, disrupted: float, n: int, alpha: float = 0.05) -> float:
    """Returns the power of the exact one-sided McNemar test.

    The number of discordant units is binomial, and so is the number of recovered ones among them;
    the power is the sum over both (Duffy 1984).

    Args:
        recovered: Probability that only the arm solves a unit.
        disrupted: Probability that only the reference does.
        n: Number of units.
        alpha: Level; divided by the number of contrasts it is Holm's worst case.

    Raises:
        ShapeError: If these are no probabilities, or n is negative.
    """
    _check_probabilities(recovered, disrupted, n, alpha)
    rate = recovered + disrupted
    if rate == 0:
        return 0.0
    theta = recovered / rate
    return expect_over_counts(n, rate, _rejection_probabilities(theta, n, alpha))


def noninferiority_power(
    recovered: float, disrupted: float, n: int, margin: float, alpha: float = 0.05
) -> float:
    """Returns the power of Tango's one-sided score test of "worse by less than the margin".

    Args:
        recovered: Probability that only the arm solves a unit.
        disrupted: Probability that only the reference does.
        n: Number of units.
        margin: Loss of success rate that would still be tolerated.
        alpha: Level.

    Raises:
        ShapeError: If these are no probabilities, or n is negative.
    """
    _check_probabilities(recovered, disrupted, n, alpha)
    if n == 0:
        return 0.0
    b, c = _likely_counts(n, recovered)[:, None], _likely_counts(n, disrupted)[None, :]
    possible = b + c <= n
    rejects = possible & (tango_z(b, c, n, -margin) >= scipy.stats.norm.isf(alpha))
    # Given b, the c units are binomial among the others; of none of them no chance is left.
    left = disrupted / (1 - recovered) if recovered < 1 else 0.0
    chance = scipy.stats.binom.pmf(b, n, recovered) * scipy.stats.binom.pmf(
        c, np.maximum(n - b, 0), min(left, 1.0)
    )
    return min(1.0, float(chance[rejects].sum()))


def units_for_power(
    power: float,
    recovered: float,
    disrupted: float,
    alpha: float = 0.05,
    *,
    step: int = 10,
    at_most: int = 20_000,
) -> int | None:
    """Returns the smallest number of units for a power of the exact one-sided McNemar test.

    The power of an exact test has small teeth as n grows; this is the first multiple of ``step``
    that reaches it.

    Args:
        power: What is to be reached, for example 0.8.
        recovered: Probability that only the arm solves a unit.
        disrupted: Probability that only the reference does.
        alpha: Level.
        step: Numbers tried are its multiples.
        at_most: Where the search ends.

    Returns:
        None if no number up to ``at_most`` suffices, as where the arm does not help.

    Raises:
        ShapeError: If these are no probabilities.
    """
    _check_probabilities(recovered, disrupted, at_most, alpha)
    if recovered <= disrupted:
        return None
    return find_least_units(
        power, lambda n: mcnemar_power(recovered, disrupted, n, alpha), step=step, at_most=at_most
    )


def find_least_units(
    power: float, of_units: Callable[[int], float], *, step: int = 10, at_most: int = 20_000
) -> int | None:
    """Returns the first multiple of ``step`` whose power reaches what is asked; None if none does.

    A doubling search finds the neighbourhood, so large numbers cost little; from half the number
    that suffices on, every multiple is tried.

    Args:
        power: What is to be reached.
        of_units: Power by number of units; grows, but for small teeth.
        step: Numbers tried are its multiples.
        at_most: Where the search ends; None if the power is not reached there.
    """
    enough, last = step, at_most // step * step
    while enough < last and of_units(enough) < power:
        enough *= 2
    if enough >= last and of_units(last) < power:
        return None
    sizes = range(max(enough // 2 // step, 1) * step, min(enough, at_most) + 1, step)
    return next((n for n in sizes if of_units(n) >= power), None)


def critical_counts(n: int, alpha: float) -> I64:
    """Returns how many of d discordant units must be recovered to reject, for d = 0 to n.

    Args:
        n: Largest number of discordant units.
        alpha: Level.

    Returns:
        d + 1, which cannot happen, where even d of d would not do. Shape (n + 1,).
    """
    d = np.arange(n + 1)
    return bisect_counts(lambda k: binomial_tail(k, d, 0.5) <= alpha, d)


def bisect_counts(holds: Callable[[I64], Bools], d: I64) -> I64:
    """Returns the smallest count in 0..d for which a monotone condition holds, else d + 1.

    Args:
        holds: The condition for counts of shape (m,), elementwise.
        d: Largest counts. Shape (m,).
    """
    low, high = np.full(len(d), -1), d + 1
    while (high - low > 1).any():
        middle = (low + high) // 2
        middle = np.clip(middle, 0, d)
        met = holds(middle)
        open_ = high - low > 1
        high = np.where(open_ & met, middle, high)
        low = np.where(open_ & ~met, middle, low)
    return high


def table_size(n: int) -> int:
    """Returns up to where a table that is needed up to n is made.

    There are few such sizes, so that a search for n computes a table once.
    """
    return 1 << max(n, 64).bit_length()


def expect_over_counts(n: int, rate: float, given: F64) -> float:
    """Returns the expectation of a conditional probability over a binomial number.

    Every term is a product of probabilities, each with a relative error of some units in the last
    place, and n + 1 of them are added, so a certain event may come out as 1 + O(n eps). It is
    clipped, since the sum before rounding is at most 1.

    Args:
        n: Trials.
        rate: Probability of a hit; above 1 by rounding alone it counts as 1.
        given: The probability given 0 to n hits. Shape (n + 1,).

    Returns:
        A number in [0, 1].
    """
    chance = scipy.stats.binom.pmf(np.arange(n + 1), n, min(rate, 1.0))
    return min(1.0, float(chance @ given))


@lru_cache(maxsize=64)
def _tabulate_rejection(theta: float, size: int, alpha: float) -> F64:
    """Returns P(reject) given d = 0 to ``size`` discordant units; read-only. Shape (size + 1,)."""
    d = np.arange(size + 1)
    found: F64 = binomial_tail(critical_counts(size, alpha), d, theta)
    found.setflags(write=False)
    return found


def _rejection_probabilities(theta: float, n: int, alpha: float) -> F64:
    """Returns P(reject) given d = 0 to n discordant units. Shape (n + 1,)."""
    return _tabulate_rejection(theta, table_size(n), alpha)[: n + 1]


def _likely_counts(n: int, rate: float) -> I64:
    """Returns the counts that a binomial number practically takes. Shape (m,) [units]."""
    half = _MAX_DEVIATIONS * np.sqrt(n * rate * (1 - rate)) + _MAX_DEVIATIONS**2
    return np.arange(max(0, int(n * rate - half)), min(n, int(n * rate + half)) + 1)


def _check_probabilities(recovered: float, disrupted: float, n: int, alpha: float) -> None:
    fair = 0 <= recovered <= 1 and 0 <= disrupted <= 1 and recovered + disrupted <= 1 + 1e-12
    if not fair or n < 0 or not 0 < alpha < 1:
        raise ShapeError(
            "Need probabilities of two exclusive outcomes, n >= 0 and alpha in (0, 1). "
            f"Got: {recovered}, {disrupted}, n {n}, alpha {alpha}."
        )
