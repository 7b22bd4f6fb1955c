"""Training of risk heads: rows in, plain numpy weights out."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from aegis.core.types import F32, F64
from aegis.detectors.ensemble import train_ensemble
from aegis.detectors.head import RiskHead
from aegis.detectors.probe import ENSEMBLE, LOGISTIC, MLP, check_kind

STRENGTHS: Mapping[str, tuple[float, ...]] = {
    LOGISTIC: (1e-4, 1e-3, 1e-2, 1e-1, 1.0),
    MLP: (1.0, 10.0, 100.0),
    ENSEMBLE: (0.3, 0.5),
}
"""Regularisation to choose from: C for the logistic head, L2 penalty for the MLP, dropout."""

_HIDDEN, _BATCH = 16, 256
_EPOCHS, _STEPS = 20, 500
"""Training of the MLP ends after so many passes and gradient steps, whichever is more."""


def train_head(
    kind: str,
    features: F32 | F64,
    positive: NDArray[np.bool_],
    weight: F64,
    strength: float,
    seed: int,
) -> RiskHead:
    """Trains a head on standardised features.

    Args:
        kind: One of ``PROBE_KINDS``.
        features: Shape (n, f).
        positive: Label of each row; both classes must occur. Shape (n,).
        weight: Weight of each row. Shape (n,).
        strength: Regularisation, see ``STRENGTHS``.
        seed: Of what the MLP and the ensemble draw.

    Raises:
        UnknownNameError: If the kind does not exist.
    """
    check_kind(kind, "train_head")
    if kind == ENSEMBLE:
        return train_ensemble(features, positive, weight, strength, seed)
    x = np.asarray(features, np.float64)
    mean, scale = x.mean(axis=0), x.std(axis=0)
    scale = np.where(scale > 1e-8, scale, 1.0)  # A constant feature carries nothing.
    z = (x - mean) / scale
    # One thread: the last bits of a sum must not depend on how many cores there are.
    with threadpool_limits(1):
        if kind == LOGISTIC:
            weights, biases = _train_logistic(z, positive, weight, strength)
        else:
            weights, biases = _train_mlp(z, positive, weight, strength, seed)
    return RiskHead(mean, scale, weights, biases)


_Layers = tuple[tuple[F64, ...], tuple[F64, ...]]


def _train_logistic(z: F64, positive: NDArray[np.bool_], weight: F64, strength: float) -> _Layers:
    """Returns the head's layer: weights of shape (f, 1) and bias (1,), from rows ``z`` (n, f)."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=strength, max_iter=2000)
    model.fit(z, positive, sample_weight=weight)
    return (model.coef_.T.copy(),), (model.intercept_.copy(),)


def _train_mlp(
    z: F64, positive: NDArray[np.bool_], weight: F64, strength: float, seed: int
) -> _Layers:
    """Returns the head's two layers, from standardised rows ``z`` of shape (n, f).

    Weights are of shapes (f, hidden) and (hidden, 1), biases of (hidden,) and (1,). Other arguments
    as of ``train_head``.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    batch = min(_BATCH, len(z))
    epochs = max(_EPOCHS, _STEPS * batch // len(z))
    model = MLPClassifier(
        (_HIDDEN,), alpha=strength, batch_size=batch, max_iter=epochs, random_state=seed
    )
    with warnings.catch_warnings():
        # A fixed number of passes is the stopping rule here.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(z, positive, sample_weight=weight)
    return tuple(model.coefs_), tuple(model.intercepts_)
