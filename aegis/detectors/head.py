"""A risk head: standardise, hidden layers with ReLU, one output; numpy only."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from aegis.core.arrays import freeze_fields
from aegis.core.errors import CheckpointError, ShapeError
from aegis.core.types import F32, F64

Array: TypeAlias = NDArray[np.floating[Any]]
"""Weights; float32 or float64."""


@dataclass(frozen=True, slots=True, eq=False)
class RiskHead:
    """Weights that turn features into risk.

    Attributes:
        mean: Subtracted from the features. Shape (f,).
        scale: The features are divided by it; positive. Shape (f,).
        weights: One matrix per layer; the first has f rows, the last one column. A layer is
            computed in the precision of its matrix: float32 halves the time of wide ones.
        biases: One vector per layer.

    Raises:
        CheckpointError: If the parts do not chain, or hold NaN or infinity.
    """

    mean: Array
    scale: Array
    weights: tuple[Array, ...]
    biases: tuple[Array, ...]

    def __post_init__(self) -> None:
        for array in (self.mean, self.scale, *self.weights, *self.biases):
            if not np.isfinite(array).all():
                raise CheckpointError("A risk head holds NaN or infinity.")
        freeze_fields(self, "mean", "scale", "weights", "biases")
        shapes = [weight.shape for weight in self.weights]
        widths = [self.width, *(shape[-1] for shape in shapes)]
        fits = bool(shapes) and shapes == list(pairwise(widths)) and widths[-1] == 1
        fits &= [bias.shape for bias in self.biases] == [(width,) for width in widths[1:]]
        fits &= self.mean.ndim == 1 and self.scale.shape == self.mean.shape
        if not fits or not (self.scale > 0).all():
            raise CheckpointError(f"A risk head's weights do not chain: {shapes}.")

    @property
    def width(self) -> int:
        """Number of features f."""
        return int(self.mean.size)

    def compute_logit(self, features: F32 | F64) -> F64:
        """Returns the log odds of failure. Shape (n, f) to (n,).

        Raises:
            ShapeError: If there are not f features.
        """
        x = np.asarray(features, np.float64)
        if x.ndim != 2 or x.shape[1] != self.width:
            raise ShapeError(f"features must have shape (n, {self.width}). Got: {x.shape}.")
        h: Array = (x - self.mean) / self.scale
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            h = np.maximum(h.astype(weight.dtype, copy=False) @ weight + bias, 0.0)
        last = self.weights[-1]
        logit = (h.astype(last.dtype, copy=False) @ last + self.biases[-1])[:, 0]
        return np.asarray(logit, np.float64)

    def compute_risk(self, features: F32 | F64) -> F64:
        """Returns the probability of failure. Shape (n, f) to (n,).

        Returns:
            Numbers in [0, 1]; NaN in rows that hold NaN or infinity.

        Raises:
            ShapeError: If there are not f features.
        """
        known = np.isfinite(features).all(axis=-1)
        if known.all():  # The usual case, in which nothing has to be masked.
            return _sigmoid(self.compute_logit(features))
        with np.errstate(invalid="ignore"):
            risk = _sigmoid(self.compute_logit(features))
        return np.where(known, risk, np.nan)


def _sigmoid(logit: F64) -> F64:
    """Returns the sigmoid, shape (n,) to (n,), written so that it cannot overflow."""
    out: F64 = 0.5 * (1.0 + np.tanh(0.5 * logit))
    return out
