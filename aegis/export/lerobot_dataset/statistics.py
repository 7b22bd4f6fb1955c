"""Statistics of a dataset's columns and pictures: count, range, moments and quantiles.

All are exact. Those of pictures come from histograms of their 256 values, which add up over
episodes; those of numbers are computed from the numbers. Rows with a NaN or an infinity are left
out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aegis.core.types import F64, I64, U8

QUANTILES: Mapping[str, float] = {"q01": 0.01, "q10": 0.1, "q50": 0.5, "q90": 0.9, "q99": 0.99}
"""Name of a quantile in LeRobot's files to the quantile."""
_VALUES = np.arange(256)

Statistics = dict[str, NDArray[Any]]
"""Name of a statistic to its value; ``count`` has shape (1,)."""


def describe_numbers(values: NDArray[Any]) -> Statistics | None:
    """Returns the statistics of a column.

    Args:
        values: Shape (n,) or (n, d).

    Returns:
        Arrays of shape (1,) or (d,), ``count`` of the rows that are finite throughout; None if
        there is none.
    """
    rows = np.asarray(values, np.float64).reshape(len(values), -1)
    known = rows[np.isfinite(rows).all(axis=1)]
    if not len(known):
        return None
    found: Statistics = {
        "min": known.min(axis=0),
        "max": known.max(axis=0),
        "mean": known.mean(axis=0),
        "std": known.std(axis=0),
        "count": np.array([len(known)]),
    }
    return found | {name: np.quantile(known, q, axis=0) for name, q in QUANTILES.items()}


class PictureHistogram:
    """Counts the values of the three channels of pictures.

    Attributes:
        pictures: Number of pictures.
        counts: Pixels with each value. Shape (3, 256).
    """

    def __init__(self, pictures: int = 0, counts: I64 | None = None) -> None:
        self.pictures = pictures
        self.counts: I64 = np.zeros((3, 256), np.int64) if counts is None else counts

    def add_picture(self, picture: U8) -> None:
        """Counts one RGB picture, shape (h, w, 3)."""
        self.pictures += 1
        for channel in range(3):
            self.counts[channel] += np.bincount(picture[:, :, channel].ravel(), minlength=256)

    def __add__(self, other: PictureHistogram) -> PictureHistogram:
        """Returns the histogram of both sets of pictures."""
        return PictureHistogram(self.pictures + other.pictures, self.counts + other.counts)

    def describe_pictures(self) -> Statistics | None:
        """Returns statistics per channel, scaled to [0, 1], each of shape (3, 1, 1).

        ``count`` is the number of pictures. None if there is none.
        """
        if not self.pictures:
            return None
        total = self.counts.sum(axis=1)
        mean = self.counts @ _VALUES / total
        variance = self.counts @ _VALUES**2 / total - mean**2
        found = {
            "min": self._find_order(np.zeros(3)),
            "max": self._find_order(total - 1.0),
            "mean": mean,
            "std": np.sqrt(np.maximum(variance, 0.0)),
        }
        found |= {name: self._find_order((total - 1) * q) for name, q in QUANTILES.items()}
        scaled: Statistics = {name: (value / 255).reshape(3, 1, 1) for name, value in found.items()}
        return scaled | {"count": np.array([self.pictures])}

    def _find_order(self, places: F64) -> F64:
        """Returns the values at places of the sorted pixels, interpolated between neighbours.

        Args:
            places: One place per channel, from 0 to the number of pixels - 1. Shape (3,).
        """
        values = np.empty(3)
        for channel, place in enumerate(places):
            below = int(np.floor(place))
            reached = np.cumsum(self.counts[channel])
            low, high = np.searchsorted(reached, [below, int(np.ceil(place))], side="right")
            values[channel] = low + (place - below) * (high - low)
        return values
