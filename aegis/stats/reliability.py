"""Whether a risk means what it says: reliability bins and expected calibration error.

Not scikit-learn's ``calibration_curve``: it gives the means of bins alone, not their counts, on
which every interval rests, and its quantiles fall inside runs of equal risks, whose episodes then
all move to one side. Without ties both have the same bins; a test holds them together.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from aegis.core.errors import CalibrationError, ShapeError
from aegis.core.types import F64, Bools


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Episodes whose risk lay in a range.

    Attributes:
        low: Smallest risk in the bin.
        high: Largest risk in the bin.
        mean_risk: Mean risk.
        failed: How many of them failed.
        n: Episodes.
    """

    low: float
    high: float
    mean_risk: float
    failed: int
    n: int

    @property
    def gap(self) -> float:
        """Share that failed minus the mean risk."""
        return self.failed / self.n - self.mean_risk


def reliability_bins(risk: F64, failed: Bools, *, bins: int = 10) -> tuple[ReliabilityBin, ...]:
    """Sorts episodes into bins of equal counts, by risk.

    Equal risks stay together, so bins differ in size where risks tie, and there may be fewer of
    them.

    Args:
        risk: Predicted probability of failure, one per episode. Shape (n,).
        failed: Whether the episode failed. Shape (n,).
        bins: Number of bins.

    Raises:
        ShapeError: If the shapes differ, or bins is below 1.
        CalibrationError: If a risk is no probability.
    """
    p, y = _validate_risks(risk, failed)
    if bins < 1:
        raise ShapeError(f"bins must be at least 1. Got: {bins}.")
    order = np.argsort(p, kind="stable")
    p, y = p[order], y[order]
    edges = _find_bin_edges(p, bins)
    return tuple(
        ReliabilityBin(
            low=float(p[i]),
            high=float(p[j - 1]),
            mean_risk=float(p[i:j].mean()),
            failed=int(y[i:j].sum()),
            n=int(j - i),
        )
        for i, j in pairwise(edges)
    )


def expected_calibration_error(bins: tuple[ReliabilityBin, ...]) -> float:
    """Returns the expected calibration error: mean distance of risk and share failed, by episode.

    It is that of Naeini et al. (2015), here over bins of equal counts. It is never zero by chance
    alone: with n episodes in a bin, a perfect risk p still leaves about sqrt(p (1 - p) / n).
    """
    n = sum(b.n for b in bins)
    return sum(b.n * abs(b.gap) for b in bins) / n if n else float("nan")


def _find_bin_edges(p: F64, bins: int) -> list[int]:
    """Returns where bins begin and end: near equal counts, never inside a tie.

    Args:
        p: Sorted risks. Shape (n,).
        bins: Number of bins that are wanted.

    Returns:
        Places from 0 to n, ascending; at most ``bins`` + 1 of them.
    """
    n = len(p)
    allowed = [0, *(np.flatnonzero(np.diff(p)) + 1).tolist(), n]
    wanted = [n * i / bins for i in range(bins + 1)]
    return sorted({min(allowed, key=lambda place: abs(place - want)) for want in wanted})


def _validate_risks(risk: F64, failed: Bools) -> tuple[F64, Bools]:
    """Returns risks and labels as vectors of shape (n,); refuses what is no probability."""
    p, y = np.asarray(risk, np.float64), np.asarray(failed, bool)
    if p.ndim != 1 or p.shape != y.shape:
        raise ShapeError(f"Need two vectors alike. Got: {p.shape}, {y.shape}.")
    wrong = ~((p >= 0) & (p <= 1))
    if wrong.any():
        raise CalibrationError(
            f"{int(wrong.sum())} of {len(p)} risks are no probabilities, for example "
            f"{p[wrong][0]}. Allowed: 0 to 1. Map the score to a risk first."
        )
    return p, y
