"""The exact interval of a rate, for promises that must be held: it covers at least its level."""

from __future__ import annotations

import scipy  # scipy.stats is imported when it is first used: that takes a second

from aegis.stats.intervals import Interval, check_counts


def clopper_pearson_interval(successes: int, n: int, level: float = 0.95) -> Interval:
    """Returns the exact interval of a rate (Clopper and Pearson 1934).

    It is computed from quantiles of the beta distribution. ``binomtest(...).proportion_ci`` finds
    the same limits by a search that ends at 2e-12, up to 1e-9 of a small limit, and is slower.

    Args:
        successes: Units with the property, 0 to n.
        n: Units; of none the interval is [0, 1].
        level: Confidence level, in (0, 1).

    Raises:
        ShapeError: If the counts are impossible.
    """
    check_counts(successes, n)
    tail = (1 - level) / 2
    low = 0.0 if successes == 0 else float(scipy.stats.beta.ppf(tail, successes, n - successes + 1))
    high = (
        1.0 if successes == n else float(scipy.stats.beta.isf(tail, successes + 1, n - successes))
    )
    return Interval(low, high)
