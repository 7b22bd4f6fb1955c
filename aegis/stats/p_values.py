"""p values: Holm's correction of a family, and the sign-flip test over clusters.

Neither scipy nor scikit-learn has them. The sign-flip test is exact without any model of what a
cluster shares.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from aegis.core.errors import ShapeError
from aegis.core.types import I64, Bools


def holm_adjusted(p_values: Mapping[str, float]) -> dict[str, float]:
    """Returns adjusted p-values by Holm's step-down rule (Holm 1979), in the order given.

    The smallest of m is multiplied by m, the next by m - 1, and so on; none may fall below the
    one before it or exceed 1. It controls the family-wise error under any dependence.

    Args:
        p_values: Name of a test to its p-value.

    Raises:
        ShapeError: If a p-value lies outside [0, 1].
    """
    _check_p_values(p_values)
    adjusted: dict[str, float] = {}
    floor = 0.0
    for rank, name in enumerate(sorted(p_values, key=lambda name: p_values[name])):
        floor = max(floor, min(1.0, p_values[name] * (len(p_values) - rank)))
        adjusted[name] = floor
    return {name: adjusted[name] for name in p_values}


def _check_p_values(p_values: Mapping[str, float]) -> None:
    for name, p in p_values.items():
        if not 0 <= p <= 1:
            raise ShapeError(f"p-value of '{name}' must lie in [0, 1]. Got: {p}.")


def sign_flip_p(arm: Bools, against: Bools, *by: I64) -> float:
    """Returns the exact one-sided p-value of "the arm solves more", with clusters as units.

    Under the null, a cluster's difference in solved units is as likely with either sign. All sign
    patterns are counted, by convolution, so nothing is drawn (Fisher 1935). With one unit in each
    cluster it is McNemar's exact test; with ten tasks as clusters it cannot fall below 1 / 1024.

    Args:
        arm: Success of the arm. Shape (n,).
        against: Success of the other arm on the same units. Shape (n,).
        *by: Labels whose combinations are the clusters, for example task and start state; units
            are their own clusters without any. Shapes (n,).

    Raises:
        ShapeError: If the shapes differ.
    """
    x, y = np.asarray(arm, np.int64), np.asarray(against, np.int64)
    labels = [np.asarray(label) for label in by] or [np.arange(len(x))]
    if x.ndim != 1 or any(other.shape != x.shape for other in (y, *labels)):
        shapes = [other.shape for other in (x, y, *labels)]
        raise ShapeError(f"Need vectors over the same units. Got: {shapes}.")
    if not len(x):
        return 1.0
    place = np.unique(np.stack(labels), axis=1, return_inverse=True)[1].ravel()
    gains = np.bincount(place, weights=x - y).astype(np.int64)
    reach = int(np.abs(gains).sum())
    chance = np.zeros(2 * reach + 1)
    chance[reach] = 1.0
    for size in np.abs(gains[gains != 0]):
        # Nothing is rolled over an end: the array reaches as far as all gains together.
        chance = (np.roll(chance, size) + np.roll(chance, -size)) / 2
    return min(1.0, float(chance[reach + int(gains.sum()) :].sum()))
