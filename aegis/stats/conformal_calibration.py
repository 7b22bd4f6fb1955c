"""Split conformal calibration: the threshold that good episodes rarely exceed."""

from __future__ import annotations

from math import ceil

import numpy as np

from aegis.core.errors import CalibrationError
from aegis.core.types import F64

# Keeps a product that is a whole number but for rounding from being rounded up to the next.
_SLACK = 1e-9


def least_calibration_size(alpha: float) -> int:
    """Returns the smallest calibration set for which a finite threshold exists at alpha.

    Raises:
        CalibrationError: If alpha lies outside (0, 1).
    """
    if not 0 < alpha < 1:
        raise CalibrationError(f"alpha must lie strictly between 0 and 1. Got: {alpha}.")
    return ceil(1 / alpha - 1 - _SLACK)


def conformal_threshold(scores: F64, alpha: float) -> float:
    """Returns the threshold that an exchangeable new score exceeds with probability <= alpha.

    It is the r-th smallest of n scores with r = ceil((n + 1)(1 - alpha)) (Papadopoulos et al.
    2002; Vovk et al. 2005). The promise is per episode, so give one score per episode.

    Args:
        scores: One score per successful calibration episode. Shape (n,).
        alpha: Tolerated share of false alarms on successful episodes.

    Raises:
        CalibrationError: If n is too small for alpha, a score is NaN, or the threshold would be
            infinite.
    """
    values = np.sort(np.asarray(scores, np.float64))
    need = least_calibration_size(alpha)
    n = len(values)
    if n < need:
        raise CalibrationError(
            f"Calibration at alpha {alpha} needs at least {need} successful episodes. Got: {n}. "
            "Collect more episodes, or raise alpha."
        )
    if np.isnan(values).any():
        raise CalibrationError(
            f"{int(np.isnan(values).sum())} of {n} calibration scores are NaN. "
            "Find out why the detector could not score them."
        )
    rank = ceil((n + 1) * (1 - alpha) - _SLACK)
    threshold = float(values[rank - 1])
    if not np.isfinite(threshold):
        raise CalibrationError(f"The threshold would be {threshold}. Check the scores.")
    return threshold
