"""Intervals of a rate: Wilson's, which needs no library, and what every interval is.

The monitor draws Wilson's interval with every picture, and `aegis run` ends with one: for a formula
of three lines neither should wait seconds for scipy. It is tested to equal scipy's.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

from aegis.core.errors import ShapeError


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval.

    Attributes:
        low: Lower limit; NaN where nothing is known.
        high: Upper limit.
    """

    low: float
    high: float

    def __str__(self) -> str:
        return f"[{self.low:.3f}, {self.high:.3f}]"


UNKNOWN_INTERVAL = Interval(float("nan"), float("nan"))
"""The interval of what cannot be estimated."""


def wilson_interval(successes: int, n: int, level: float = 0.95) -> Interval:
    """Returns Wilson's score interval of a rate (Wilson 1927): short, good coverage on average.

    Args:
        successes: Units with the property, 0 to n.
        n: Units; of none the interval is [0, 1].
        level: Confidence level, in (0, 1).

    Raises:
        ShapeError: If the counts are impossible.
    """
    check_counts(successes, n)
    if n == 0:
        return Interval(0.0, 1.0)
    z = NormalDist().inv_cdf(0.5 + level / 2)
    rate = successes / n
    centre = (rate + z * z / (2 * n)) / (1 + z * z / n)
    half = z * sqrt(rate * (1 - rate) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    low = 0.0 if successes == 0 else centre - half
    high = 1.0 if successes == n else centre + half
    return Interval(low, high)


def check_counts(successes: int, n: int) -> None:
    """Checks that counts are possible.

    Raises:
        ShapeError: If they are not 0 <= successes <= n.
    """
    if not 0 <= successes <= n:
        raise ShapeError(f"Need 0 <= successes <= n. Got: {successes} of {n}.")
