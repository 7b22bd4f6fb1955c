"""How well a score ranks failures above successes: AUROC, pooled and within groups."""

from __future__ import annotations

import numpy as np
import scipy  # scipy.stats is imported when it is first used: that takes a second

from aegis.core.errors import ShapeError
from aegis.core.types import F64, I64, Bools


def compute_auroc(scores: F64, positive: Bools) -> float:
    """Returns P(score of a positive > score of a negative), ties counted half.

    This is the Mann-Whitney statistic over the number of pairs (Hanley and McNeil 1982). NaN scores
    count as infinitely high: unknown is risk.

    Args:
        scores: Higher means more likely positive. Shape (n,).
        positive: Whether each unit is positive. Shape (n,).

    Returns:
        A number in [0, 1]; NaN when one class is empty.

    Raises:
        ShapeError: If the shapes differ.
    """
    values, labels = _validate_vectors(scores, positive)
    n1 = int(labels.sum())
    n0 = len(labels) - n1
    if n1 == 0 or n0 == 0:
        return float("nan")
    ranks = scipy.stats.rankdata(np.where(np.isnan(values), np.inf, values))
    return float((ranks[labels].sum() - n1 * (n1 + 1) / 2) / (n1 * n0))


def compute_auroc_within(scores: F64, positive: Bools, group: I64) -> float:
    """Returns AUROC over the pairs that share a group: differences between groups do not count.

    It is the average of the groups' AUROCs, weighted by their number of (positive, negative)
    pairs; groups with one class have none.

    Args:
        scores: Higher means more likely positive. Shape (n,).
        positive: Whether each unit is positive. Shape (n,).
        group: Group, for example task, of each unit. Shape (n,).

    Returns:
        A number in [0, 1]; NaN when no group has both classes.

    Raises:
        ShapeError: If the shapes differ.
    """
    values, labels = _validate_vectors(scores, positive)
    groups = np.asarray(group)
    if groups.shape != labels.shape:
        raise ShapeError(f"group must have shape {labels.shape}. Got: {groups.shape}.")
    total, weight = 0.0, 0
    for name in np.unique(groups):
        here = groups == name
        n1 = int(labels[here].sum())
        pairs = n1 * (int(here.sum()) - n1)
        if pairs:
            total += pairs * compute_auroc(values[here], labels[here])
            weight += pairs
    return total / weight if weight else float("nan")


def _validate_vectors(scores: F64, positive: Bools) -> tuple[F64, Bools]:
    """Returns scores and labels as vectors of shape (n,); refuses any other shapes."""
    values, labels = np.asarray(scores, np.float64), np.asarray(positive, bool)
    if values.ndim != 1 or values.shape != labels.shape:
        raise ShapeError(f"Need two vectors alike. Got: {values.shape}, {labels.shape}.")
    return values, labels
