"""Sign-flip test: a paired test for clusters, exact without any model of what a cluster shares."""

from __future__ import annotations

import numpy as np

from aegis.core.errors import ShapeError
from aegis.core.types import I64, Bools


def sign_flip_p(arm: Bools, against: Bools, *by: I64) -> float:
    """Returns the exact one-sided p-value of "the arm solves more", with clusters as units.

    Under the null, a cluster's difference in solved units is as likely with either sign. All sign
    patterns are counted, by convolution, so nothing is drawn. With one unit in each cluster it is
    McNemar's exact test; with tasks as clusters, ten of them, it cannot fall below 1 / 1024.

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
        chance = (np.roll(chance, size) + np.roll(chance, -size)) / 2
    return min(1.0, float(chance[reach + int(gains.sum()) :].sum()))
