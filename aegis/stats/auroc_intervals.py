"""Bootstrap intervals of AUROC and of differences of AUROC, by episode, never by step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aegis.core.errors import ShapeError
from aegis.core.types import F64
from aegis.stats.auroc import compute_auroc, compute_auroc_within
from aegis.stats.differences import BootstrapEstimate
from aegis.stats.intervals import Interval, bca_interval
from aegis.stats.resampling import resample_weights

Bools = NDArray[np.bool_]
I64 = NDArray[np.int64]


def auroc_interval(
    scores: F64,
    positive: Bools,
    task: I64,
    rng: np.random.Generator,
    *,
    within: bool = False,
    level: float = 0.95,
    draws: int = 2000,
) -> Interval:
    """Returns the BCa interval of AUROC; episodes are resampled within their task.

    Args:
        scores: One score per episode; higher means more likely positive, NaN means highest.
            Shape (n,).
        positive: Whether the episode is positive, that is, failed. Shape (n,).
        task: Task of each episode. Shape (n,).
        rng: Source of the resampling.
        within: Whether only pairs of the same task count; see ``auroc_within``.
        level: Confidence level.
        draws: Number of resamples.

    Returns:
        NaN where AUROC is undefined.

    Raises:
        ShapeError: If the shapes differ.
    """
    labels = _validate_labels(positive, task)
    estimate = _estimate_auroc(scores, labels, task, within)
    weights = resample_weights(task, rng, draws)
    pairs = _count_pairs(scores, labels, task, weights, within)
    if not np.isfinite(estimate):
        return Interval(float("nan"), float("nan"))
    return bca_interval(
        pairs.resampled_auroc(),
        pairs.auroc,
        _centre_within_tasks(pairs.leave_one_out_auroc(), task),
        level=level,
    )


def auroc_gain(
    scores: F64,
    baseline: F64,
    positive: Bools,
    task: I64,
    rng: np.random.Generator,
    *,
    within: bool = False,
    level: float = 0.95,
    draws: int = 2000,
) -> BootstrapEstimate:
    """Returns AUROC of a score minus that of a baseline, both on the same resampled episodes.

    Args:
        scores: One score per episode. Shape (n,).
        baseline: Another score of the same episodes. Shape (n,).
        positive: Whether the episode is positive, that is, failed. Shape (n,).
        task: Task of each episode. Shape (n,).
        rng: Source of the resampling.
        within: Whether only pairs of the same task count; see ``auroc_within``.
        level: Confidence level.
        draws: Number of resamples.

    Returns:
        NaN where AUROC is undefined.

    Raises:
        ShapeError: If the shapes differ.
    """
    labels = _validate_labels(positive, task)
    found = [_estimate_auroc(s, labels, task, within) for s in (scores, baseline)]
    value = found[0] - found[1]
    weights = resample_weights(task, rng, draws)
    one, two = (_count_pairs(s, labels, task, weights, within) for s in (scores, baseline))
    if not np.isfinite(value):
        return BootstrapEstimate(float("nan"), Interval(float("nan"), float("nan")))
    interval = bca_interval(
        one.resampled_auroc() - two.resampled_auroc(),
        one.auroc - two.auroc,
        _centre_within_tasks(one.leave_one_out_auroc() - two.leave_one_out_auroc(), task),
        level=level,
    )
    return BootstrapEstimate(value, interval)


@dataclass(frozen=True, slots=True, eq=False)
class _RankedPairs:
    """Pairs of a positive and a negative, and how many of them are ranked rightly.

    Attributes:
        won: Pairs won in each resample, ties half. Shape (draws,).
        of: Pairs in each resample. Shape (draws,).
        own_won: Pairs that each episode won or helped to win in the data. Shape (n,).
        own_of: Pairs that it is part of in the data. Shape (n,).
    """

    won: F64
    of: F64
    own_won: F64
    own_of: F64

    @property
    def auroc(self) -> float:
        return float(self.own_won.sum() / self.own_of.sum())  # Each pair counted twice in both.

    def resampled_auroc(self) -> F64:
        with np.errstate(invalid="ignore", divide="ignore"):
            found: F64 = self.won / self.of
        return found

    def leave_one_out_auroc(self) -> F64:
        """Returns AUROC without each episode in turn. Shape (n,)."""
        won, of = self.own_won.sum() / 2, self.own_of.sum() / 2
        with np.errstate(invalid="ignore", divide="ignore"):
            found: F64 = (won - self.own_won) / (of - self.own_of)
        return found


def _count_pairs(
    scores: F64, positive: Bools, task: I64, weights: NDArray[np.int32], within: bool
) -> _RankedPairs:
    """Counts pairs over all episodes, or over those of each task."""
    values = np.asarray(scores, np.float64)
    values = np.where(np.isnan(values), np.inf, values)
    n, draws = weights.shape
    groups = np.asarray(task) if within else np.zeros(n, np.int64)
    out = _RankedPairs(np.zeros(draws), np.zeros(draws), np.zeros(n), np.zeros(n))
    for name in np.unique(groups):
        here = np.flatnonzero(groups == name)
        here = here[np.argsort(values[here], kind="stable")]
        v, y, w = values[here], positive[here], weights[here]
        out.won[:] += _count_won_pairs(v, y, w)
        out.of[:] += w[y].sum(axis=0, dtype=np.int64) * w[~y].sum(axis=0, dtype=np.int64)
        below, ties = np.searchsorted(v, v, "left"), np.searchsorted(v, v, "right")
        negatives = np.concatenate([[0], np.cumsum(~y)])
        beaten = (negatives[below] + negatives[ties]) / 2
        positives = y.sum() - (np.arange(len(v) + 1) - negatives)  # At and above each place.
        beating = (positives[below] + positives[ties]) / 2
        out.own_won[here] = np.where(y, beaten, beating)
        out.own_of[here] = np.where(y, (~y).sum(), y.sum())
    return out


def _count_won_pairs(values: F64, positive: Bools, weights: NDArray[np.int32]) -> F64:
    """Returns the pairs won in each resample: positives above negatives, ties half.

    Args:
        values: Sorted scores. Shape (n,).
        positive: Labels. Shape (n,).
        weights: Multiplicities. Shape (n, draws).

    Returns:
        Shape (draws,).
    """
    below = np.zeros((len(values) + 1, weights.shape[1]), np.int32)
    np.cumsum(weights * ~positive[:, None], axis=0, out=below[1:])
    own = values[positive]
    left, right = np.searchsorted(values, own, "left"), np.searchsorted(values, own, "right")
    twice = (weights[positive] * (below[left] + below[right])).sum(axis=0, dtype=np.int64)
    found: F64 = twice / 2
    return found


def _estimate_auroc(scores: F64, positive: Bools, task: I64, within: bool) -> float:
    return (
        compute_auroc_within(scores, positive, task) if within else compute_auroc(scores, positive)
    )


def _centre_within_tasks(left_out: F64, task: I64) -> F64:
    """Returns left-out values minus their task's mean; resampling is within tasks. Shape (n,)."""
    out = np.zeros(len(left_out))
    known = np.isfinite(left_out)
    for name in np.unique(task):
        here = known & (np.asarray(task) == name)
        if here.any():
            out[here] = left_out[here] - left_out[here].mean()
    return out


def _validate_labels(positive: Bools, task: I64) -> Bools:
    labels = np.asarray(positive, bool)
    if labels.ndim != 1 or labels.shape != np.shape(task):
        raise ShapeError(f"Need two vectors alike. Got: {labels.shape}, {np.shape(task)}.")
    return labels
