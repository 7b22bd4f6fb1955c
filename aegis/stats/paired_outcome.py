"""Paired 0/1 outcomes of two arms on the same units, and the exact one-sided McNemar test."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betainc

from aegis.core.errors import ShapeError
from aegis.core.types import F64, I64, Bools


@dataclass(frozen=True, slots=True)
class PairedOutcome:
    """The four cells of a paired comparison of an arm with a reference [units].

    Attributes:
        recovered: Units that only the arm solved.
        disrupted: Units that only the reference solved.
        both: Units that both solved.
        neither: Units that neither solved.

    Raises:
        ShapeError: If a count is negative.
    """

    recovered: int
    disrupted: int
    both: int
    neither: int

    def __post_init__(self) -> None:
        if min(self.recovered, self.disrupted, self.both, self.neither) < 0:
            raise ShapeError(f"Counts must not be negative. Got: {self}.")

    @classmethod
    def from_success(cls, arm: Bools, reference: Bools) -> PairedOutcome:
        """Counts the cells from success per unit.

        Args:
            arm: Success of the arm. Shape (n,).
            reference: Success of the reference on the same units, in the same order. Shape (n,).

        Raises:
            ShapeError: If the shapes differ.
        """
        x, y = np.asarray(arm, bool), np.asarray(reference, bool)
        if x.ndim != 1 or x.shape != y.shape:
            raise ShapeError(
                f"Arms must be vectors over the same units. Got: {x.shape}, {y.shape}."
            )
        cells = (x & ~y, ~x & y, x & y, ~x & ~y)
        return cls(*(int(cell.sum()) for cell in cells))

    @property
    def units(self) -> int:
        """Number of units."""
        return self.recovered + self.disrupted + self.both + self.neither

    @property
    def difference(self) -> float:
        """Success rate of the arm minus that of the reference; NaN without units."""
        n = self.units
        return (self.recovered - self.disrupted) / n if n else float("nan")

    def mcnemar_p(self) -> float:
        """Returns the exact one-sided p-value of "the arm solves more" (McNemar 1947).

        Under the null, each discordant unit favours either arm with probability one half, so
        p = P(Binomial(b + c, 1/2) >= b). Tasks of different difficulty do not disturb this.
        """
        return float(binomial_tail(self.recovered, self.recovered + self.disrupted, 0.5))

    def mid_p(self) -> float:
        """Returns the mid-p variant, which counts the observed table half (Fagerland et al. 2013).

        It is less conservative, and no longer exact.
        """
        b, c = self.recovered, self.disrupted
        return float(binomial_tail([b, b + 1], b + c, 0.5).mean())


def count_by_task(arm: Bools, reference: Bools, task: I64) -> dict[int, PairedOutcome]:
    """Counts the cells of each task, in the order of their numbers.

    Args:
        arm: Success of the arm. Shape (n,).
        reference: Success of the reference on the same units, in the same order. Shape (n,).
        task: Task of each unit. Shape (n,).

    Raises:
        ShapeError: If the shapes differ.
    """
    x, y, labels = np.asarray(arm, bool), np.asarray(reference, bool), np.asarray(task)
    if x.shape != labels.shape:
        raise ShapeError(f"Need vectors over the same units. Got: {x.shape}, {labels.shape}.")
    return {
        int(name): PairedOutcome.from_success(x[labels == name], y[labels == name])
        for name in np.unique(labels)
    }


def binomial_tail(hits: ArrayLike, trials: ArrayLike, rate: float) -> F64:
    """Returns P(Binomial(trials, rate) >= hits).

    Args:
        hits: At least 0; arrays are broadcast.
        trials: Number of discordant units.
        rate: Probability of a hit, in [0, 1]; one half under the null of McNemar's test.

    Returns:
        Shape of the counts, broadcast.
    """
    least, misses = np.broadcast_arrays(hits, np.subtract(trials, hits))
    # The same bits as scipy.stats.binom.sf, without the second that its import takes.
    tail = betainc(least, np.maximum(misses, 0) + 1.0, rate)
    return np.select([least <= 0, misses < 0], [1.0, 0.0], tail)
