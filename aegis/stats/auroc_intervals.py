"""Bootstrap intervals of AUROC and of differences of AUROC, by episode, never by step."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from aegis.core.errors import ShapeError
from aegis.core.types import F64, I64, Bools
from aegis.stats.auroc import compute_auroc, compute_auroc_within
from aegis.stats.bootstrap import bca_interval
from aegis.stats.differences import BootstrapEstimate
from aegis.stats.intervals import UNKNOWN_INTERVAL
from aegis.stats.resampling import resample_weights

_BLOCK = 1000
"""Resamples counted at once: tables of episodes by so many stay in the cache."""


@dataclass(frozen=True, slots=True, eq=False)
class EpisodeResamples:
    """Resamples of the same episodes for every score, so that differences of scores are paired.

    Attributes:
        positive: Whether each episode is positive, that is, failed. Shape (n,).
        task: Task of each episode; resampling is within tasks. Shape (n,).
        cluster: What is drawn as a whole, from 0 without gaps; None: each episode. Shape (n,).
        weights: How often each episode is in each resample. Shape (n, draws).
    """

    positive: Bools
    task: I64
    cluster: I64 | None
    weights: NDArray[np.int32]

    @classmethod
    def draw(
        cls,
        positive: Bools,
        task: I64,
        rng: np.random.Generator,
        *,
        cluster: I64 | None = None,
        draws: int = 2000,
    ) -> EpisodeResamples:
        """Draws resamples.

        Args:
            positive: Whether each episode is positive, that is, failed. Shape (n,).
            task: Task of each episode. Shape (n,).
            rng: Source of the resampling.
            cluster: What is drawn as a whole, for example the start state; numbers may repeat in
                another task and then mean another cluster. Shape (n,). The episode if left out.
            draws: Number of resamples.

        Raises:
            ShapeError: If the shapes differ.
        """
        labels, tasks = np.asarray(positive, bool), np.asarray(task)
        if labels.ndim != 1 or labels.shape != tasks.shape:
            raise ShapeError(f"Need two vectors alike. Got: {labels.shape}, {tasks.shape}.")
        if cluster is None:
            return cls(labels, tasks, None, resample_weights(tasks, rng, draws))
        if np.shape(cluster) != labels.shape:
            raise ShapeError(f"Need vectors alike. Got: {labels.shape}, {np.shape(cluster)}.")
        pairs = np.stack([tasks, np.asarray(cluster)])
        known, place = np.unique(pairs, axis=1, return_inverse=True)
        place = place.ravel()
        return cls(labels, tasks, place, resample_weights(known[0], rng, draws)[place])

    def estimate_auroc(
        self, scores: F64, *, within: bool = False, level: float = 0.95
    ) -> BootstrapEstimate:
        """Returns AUROC with its BCa interval.

        Args:
            scores: One score per episode; higher means more likely positive, NaN means highest.
                Shape (n,).
            within: Whether only pairs of the same task count; see ``compute_auroc_within``.
            level: Confidence level.

        Returns:
            NaN where AUROC is undefined.

        Raises:
            ShapeError: If there is not one score per episode.
        """
        value = self._compute_value(scores, within)
        if not np.isfinite(value):
            return BootstrapEstimate(value, UNKNOWN_INTERVAL)
        pairs = self._count_pairs(scores, within)
        interval = bca_interval(
            pairs.resampled_auroc(), pairs.auroc, self._centre_left_out(pairs.left_out), level=level
        )
        return BootstrapEstimate(value, interval)

    def estimate_gain(
        self, scores: F64, baseline: F64, *, within: bool = False, level: float = 0.95
    ) -> BootstrapEstimate:
        """Returns AUROC of a score minus that of a baseline, with its BCa interval.

        Args:
            scores: One score per episode. Shape (n,).
            baseline: Another score of the same episodes. Shape (n,).
            within: Whether only pairs of the same task count; see ``compute_auroc_within``.
            level: Confidence level.

        Returns:
            NaN where AUROC is undefined.

        Raises:
            ShapeError: If there is not one score per episode.
        """
        value = self._compute_value(scores, within) - self._compute_value(baseline, within)
        if not np.isfinite(value):
            return BootstrapEstimate(value, UNKNOWN_INTERVAL)
        one, two = (self._count_pairs(one, within) for one in (scores, baseline))
        interval = bca_interval(
            one.resampled_auroc() - two.resampled_auroc(),
            one.auroc - two.auroc,
            self._centre_left_out(one.left_out - two.left_out),
            level=level,
        )
        return BootstrapEstimate(value, interval)

    def _compute_value(self, scores: F64, within: bool) -> float:
        """Returns AUROC of the data, from scores of shape (n,); NaN where it is undefined."""
        if within:
            return compute_auroc_within(scores, self.positive, self.task)
        return compute_auroc(scores, self.positive)

    def _count_pairs(self, scores: F64, within: bool) -> _RankedPairs:
        """Counts the pairs of scores, shape (n,); with clusters, left-out values are by cluster."""
        found = _count_pairs(scores, self.positive, self.task, self.weights, within)
        if self.cluster is None:
            return found
        rest = (self.cluster[:, None] != np.unique(self.cluster)).astype(np.int32)
        left = _count_pairs(scores, self.positive, self.task, rest, within).resampled_auroc()
        return replace(found, left_out=left)

    def _centre_left_out(self, left_out: F64) -> F64:
        """Returns left-out values minus their task's mean; resampling is within tasks.

        Args:
            left_out: AUROC without each episode, or cluster, in turn. Shape (n,) or (clusters,).

        Returns:
            Shape as given.
        """
        task = self.task
        if self.cluster is not None:
            task = task[np.unique(self.cluster, return_index=True)[1]]
        return _centre_within_tasks(left_out, task)


@dataclass(frozen=True, slots=True, eq=False)
class _RankedPairs:
    """Pairs of a positive and a negative, and how many of them are ranked rightly.

    Attributes:
        auroc: AUROC of the data.
        won: Pairs won in each resample, ties half. Shape (draws,).
        of: Pairs in each resample. Shape (draws,).
        left_out: AUROC without each episode, or cluster, in turn. Shape (n,) or (clusters,).
    """

    auroc: float
    won: F64
    of: F64
    left_out: F64

    def resampled_auroc(self) -> F64:
        """Returns AUROC of each resample; NaN without pairs. Shape (draws,)."""
        return _divide_pairs(self.won, self.of)


def _count_pairs(
    scores: F64, positive: Bools, task: I64, weights: NDArray[np.int32], within: bool
) -> _RankedPairs:
    """Counts pairs over all episodes, or over those of each task.

    Args:
        scores: One score per episode. Shape (n,).
        positive: Whether each episode is positive. Shape (n,).
        task: Task of each episode. Shape (n,).
        weights: How often each episode is in each resample. Shape (n, draws).
        within: Whether only pairs of the same task count.
    """
    values = np.asarray(scores, np.float64)
    values = np.where(np.isnan(values), np.inf, values)
    n, draws = weights.shape
    groups = np.asarray(task) if within else np.zeros(n, np.int64)
    won, of, own_won, own_of = np.zeros(draws), np.zeros(draws), np.zeros(n), np.zeros(n)
    for name in np.unique(groups):
        here = np.flatnonzero(groups == name)
        here = here[np.argsort(values[here], kind="stable")]
        v, y = values[here], positive[here]
        for block in range(0, draws, _BLOCK):
            w = weights[here, block : block + _BLOCK]
            won[block : block + _BLOCK] += _count_won_pairs(v, y, w)
            of[block : block + _BLOCK] += w[y].sum(axis=0, dtype=np.int64) * w[~y].sum(
                axis=0, dtype=np.int64
            )
        below, ties = np.searchsorted(v, v, "left"), np.searchsorted(v, v, "right")
        negatives = np.concatenate([[0], np.cumsum(~y)])
        beaten = (negatives[below] + negatives[ties]) / 2
        positives = y.sum() - (np.arange(len(v) + 1) - negatives)  # At and above each place.
        beating = (positives[below] + positives[ties]) / 2
        own_won[here] = np.where(y, beaten, beating)
        own_of[here] = np.where(y, (~y).sum(), y.sum())
    pairs = float(own_won.sum()), float(own_of.sum())  # Each pair is counted twice in both.
    left_out = _divide_pairs(pairs[0] / 2 - own_won, pairs[1] / 2 - own_of)
    return _RankedPairs(float(pairs[0] / pairs[1]) if pairs[1] else float("nan"), won, of, left_out)


def _divide_pairs(won: F64, of: F64) -> F64:
    """Returns pairs won over all pairs, elementwise; NaN without pairs. Shape as given."""
    with np.errstate(invalid="ignore", divide="ignore"):
        found: F64 = won / of
    return found


def _count_won_pairs(values: F64, positive: Bools, weights: NDArray[np.int32]) -> F64:
    """Returns the pairs won in each resample: positives above negatives, ties half.

    Args:
        values: Sorted scores. Shape (n,).
        positive: Labels. Shape (n,).
        weights: Multiplicities. Shape (n, draws).

    Returns:
        Shape (draws,).
    """
    # Weight of the negatives below each place, from which every pair is counted without a table of
    # pairs.
    below = np.zeros((len(values) + 1, weights.shape[1]), np.int32)
    np.cumsum(weights * ~positive[:, None], axis=0, out=below[1:])
    own = values[positive]
    left, right = np.searchsorted(values, own, "left"), np.searchsorted(values, own, "right")
    twice = (weights[positive] * (below[left] + below[right])).sum(axis=0, dtype=np.int64)
    found: F64 = twice / 2
    return found


def _centre_within_tasks(left_out: F64, task: I64) -> F64:
    """Returns values minus their task's mean; 0 where they are not known. Shape (n,)."""
    out = np.zeros(len(left_out))
    known = np.isfinite(left_out)
    for name in np.unique(task):
        here = known & (np.asarray(task) == name)
        if here.any():
            out[here] = left_out[here] - left_out[here].mean()
    return out
