"""Totals of resampled units: what every bootstrap here is computed from.

A statistic of a study (a difference, a rate given failure, a duty) is a function of sums over
units. So the sums are resampled, not the units: units with equal rows are drawn together, by one
multinomial number, which for 0/1 outcomes is hundreds of times faster and equally distributed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aegis.core.errors import ShapeError
from aegis.core.types import F64, I64

_MAX_MULTINOMIAL_KINDS = 32
"""Up to so many kinds of row, one multinomial number is cheaper than drawing row by row."""
_BLOCK = 500
"""Resamples summed at once: what is drawn for so many stays in the cache."""


@dataclass(frozen=True, slots=True, eq=False)
class ClusteredSample:
    """Clusters of units in their strata, as sums over each cluster.

    Attributes:
        rows: Sums of each column over a cluster. Shape (clusters, m).
        stratum: Stratum number of each cluster, from 0 without gaps. Shape (clusters,).
    """

    rows: F64
    stratum: I64

    @classmethod
    def from_units(
        cls,
        columns: F64,
        stratum: I64 | None = None,
        cluster: I64 | None = None,
    ) -> ClusteredSample:
        """Sums units into clusters.

        Args:
            columns: What is summed, for each unit. Shape (n, m).
            stratum: What is held fixed, for example the task. Shape (n,). One stratum if left out.
            cluster: What is drawn as a whole, for example the start state; numbers may repeat in
                another stratum and then mean another cluster. Shape (n,). The unit if left out.

        Raises:
            ShapeError: If the shapes differ, there is no unit, or a number is not finite.
        """
        values = np.asarray(columns, np.float64)
        n = len(values)
        level = np.zeros(n, np.int64) if stratum is None else np.asarray(stratum)
        unit = np.arange(n) if cluster is None else np.asarray(cluster)
        if values.ndim != 2 or not n or level.shape != (n,) or unit.shape != (n,):
            raise ShapeError(
                "Need columns (n, m) and labels (n,) of the same units, at least one. "
                f"Got: {values.shape}, {level.shape}, {unit.shape}."
            )
        if not np.isfinite(values).all():
            raise ShapeError("A unit's number is not finite. Leave such units out beforehand.")
        level, unit = (np.unique(x, return_inverse=True)[1] for x in (level, unit))
        # One number for each pair, since units are numbered below n.
        address, place = np.unique(level * n + unit, return_inverse=True)
        sums = [np.bincount(place, weights=column) for column in values.T]
        return cls(np.stack(sums, axis=1), (address // n).astype(np.int64))

    def split_strata(self) -> list[F64]:
        """Returns the rows of each stratum. Shapes (clusters there, m)."""
        return [self.rows[self.stratum == s] for s in range(int(self.stratum.max()) + 1)]

    def resample_totals(self, rng: np.random.Generator, draws: int) -> F64:
        """Returns column totals of resamples: clusters drawn with replacement within strata.

        Args:
            rng: Source of the resampling.
            draws: Number of resamples.

        Returns:
            Shape (draws, m).
        """
        out = np.zeros((draws, self.rows.shape[1]))
        for part in self.split_strata():
            kinds, counts = np.unique(part, axis=0, return_counts=True)
            if len(counts) <= _MAX_MULTINOMIAL_KINDS:
                out += rng.multinomial(len(part), counts / len(part), size=draws) @ kinds
            else:
                # Sorted by `unique`, so that the draws do not depend on the order in which units
                # are given.
                out += _sum_drawn_rows(np.repeat(kinds, counts, axis=0), rng, draws)
        return out

    def leave_one_out_totals(self) -> list[F64]:
        """Returns column totals without each cluster in turn, by stratum.

        The rest of the stratum is scaled up to its full size, so that the strata keep their
        weights as they do in the resamples.

        Returns:
            One array for each stratum. Shapes (clusters there, m).
        """
        total = self.rows.sum(axis=0)
        out = []
        for part in self.split_strata():
            n, own = len(part), part.sum(axis=0)
            # The others stand in for the one left out, so that its stratum keeps its weight.
            rest = (own - part) * (n / (n - 1)) if n > 1 else part
            out.append(total - own + rest)
        return out


def _sum_drawn_rows(rows: F64, rng: np.random.Generator, draws: int) -> F64:
    """Returns column totals of as many rows as there are, drawn with replacement.

    Args:
        rows: Shape (n, m).
        rng: Source of the resampling.
        draws: Number of resamples.

    Returns:
        Shape (draws, m).
    """
    n, m = rows.shape
    # All at once: what is drawn must not depend on the size of a block.
    picks = rng.integers(0, n, (draws, n))
    columns = np.ascontiguousarray(rows.T)
    out = np.empty((draws, m))
    for first in range(0, draws, _BLOCK):
        block = picks[first : first + _BLOCK]
        for j in range(m):
            out[first : first + _BLOCK, j] = columns[j].take(block).sum(axis=1)
    return out


def resample_weights(stratum: I64, rng: np.random.Generator, draws: int) -> NDArray[np.int32]:
    """Returns how often each unit is in each resample, units being drawn within their stratum.

    Args:
        stratum: What is held fixed, for example the task. Shape (n,).
        rng: Source of the resampling.
        draws: Number of resamples.

    Returns:
        Shape (n, draws).
    """
    labels = np.asarray(stratum)
    out = np.zeros((len(labels), draws), np.int32)
    for name in np.unique(labels):
        here = np.flatnonzero(labels == name)
        n = len(here)
        picks = rng.integers(0, n, (n, draws)) * draws + np.arange(draws)
        counts = np.bincount(picks.ravel(), minlength=n * draws)
        out[here] = counts.reshape(n, draws)
    return out
