"""Bootstrap intervals of anything that is computed from totals over units: BCa, and percentile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite, sqrt

import numpy as np
from scipy.special import ndtr, ndtri

from aegis.core.errors import ShapeError
from aegis.core.types import F64, I64, Bools
from aegis.stats.intervals import Interval
from aegis.stats.resampling import ClusteredSample


def paired_difference_interval(
    arm: Bools,
    reference: Bools,
    task: I64,
    rng: np.random.Generator,
    *,
    level: float = 0.95,
    draws: int = 2000,
) -> Interval:
    """Returns the BCa bootstrap interval of the paired difference in success rate.

    Units are resampled within their task, so the tasks count as fixed (Efron 1987).

    Args:
        arm: Success per unit. Shape (n,).
        reference: Success of the reference on the same units. Shape (n,).
        task: Task of each unit. Shape (n,).
        rng: Source of the resampling.
        level: Confidence level.
        draws: Number of resamples.

    Raises:
        ShapeError: If the shapes differ or there is no unit.
    """
    x = np.asarray(arm, np.float64) - np.asarray(reference, np.float64)
    strata = np.asarray(task)
    if x.ndim != 1 or x.shape != strata.shape or not len(x):
        raise ShapeError(f"Need vectors over the same units. Got: {x.shape}, {strata.shape}.")
    sample = ClusteredSample.from_units(x[:, None], strata)
    return bootstrap_totals(
        lambda total: total[..., 0] / len(x), sample, rng, level=level, draws=draws
    )


def bootstrap_totals(
    statistic: Callable[[F64], F64],
    sample: ClusteredSample,
    rng: np.random.Generator,
    *,
    level: float = 0.95,
    draws: int = 2000,
) -> Interval:
    """Returns the BCa bootstrap interval of a function of column totals.

    Clusters are resampled within strata. The acceleration is the one for several samples: left-out
    values are centred within their stratum (Davison and Hinkley 1997, section 5.3). Resamples of n
    clusters vary too little, by (n - 1) / n in variance, which adds up over small strata; they are
    spread by as much, but never beyond the values that were resampled.

    Args:
        statistic: Computes the statistic from totals, shape (..., m); gives shape (...). Where it
            is undefined, for example 0 / 0, it gives NaN.
        sample: The units.
        rng: Source of the resampling.
        level: Confidence level.
        draws: Number of resamples.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        estimate = float(statistic(sample.rows.sum(axis=0)))
        resampled = np.asarray(statistic(sample.resample_totals(rng, draws)), np.float64)
        parts = [np.asarray(statistic(part), np.float64) for part in sample.leave_one_out_totals()]
    # Where every stratum has a single cluster, all resamples are the data: nothing is known.
    if not isfinite(estimate) or len(np.unique(sample.stratum)) == len(sample.rows):
        return Interval(float("nan"), float("nan"))
    left_out = [part[np.isfinite(part)] for part in parts]
    centred = [part - part.mean() for part in left_out if len(part)]
    resampled = _inflate_variance(resampled[np.isfinite(resampled)], estimate, centred)
    return bca_interval(resampled, estimate, np.concatenate([np.zeros(0), *centred]), level=level)


def _inflate_variance(resampled: F64, estimate: float, influence: Sequence[F64]) -> F64:
    """Returns resamples with the variance of the statistic unbiased in every stratum.

    A bootstrap of n clusters has (n - 1) / n of the variance that it estimates (Hesterberg 2015,
    "narrowness bias"); strata are weighted by what they contribute to it.

    Args:
        resampled: The statistic on each resample, all finite. Shape (draws,).
        estimate: The statistic on the data.
        influence: Centred left-out values of each stratum. Shapes (clusters of the stratum,).

    Returns:
        Shape (draws,), within the range of what was given.
    """
    squares = np.array([float(part @ part) for part in influence])
    sizes = np.array([len(part) for part in influence], np.float64)
    if not squares.sum() or not len(resampled):
        return resampled
    factor = sqrt(float(squares @ (sizes / np.maximum(sizes - 1, 1))) / float(squares.sum()))
    wider = estimate + factor * (resampled - estimate)
    return np.clip(wider, resampled.min(), resampled.max())


def bca_interval(
    resampled: F64, estimate: float, jackknife: F64, *, level: float = 0.95
) -> Interval:
    """Returns the bias-corrected and accelerated interval from resampled statistics (Efron 1987).

    NaN resamples are left out. Where the correction is undefined (all resamples on one side of the
    estimate, or an acceleration without bound) it is the percentile interval.

    Args:
        resampled: The statistic on each resample. Shape (draws,).
        estimate: The statistic on the data.
        jackknife: The statistic without each unit in turn. Shape (n,).
        level: Confidence level.
    """
    known = resampled[np.isfinite(resampled)]
    # Ties count half: rates take few values, so that many resamples equal the estimate.
    below = np.mean(known < estimate) + 0.5 * np.mean(known == estimate) if len(known) else 0.0
    if not 0 < below < 1:
        return percentile_interval(known, level=level)
    bias = ndtri(below)
    d = jackknife.mean() - jackknife if len(jackknife) else np.zeros(1)
    spread = float((d**2).sum()) ** 1.5
    speed = float((d**3).sum()) / (6 * spread) if spread > 0 else 0.0
    z = bias + ndtri(np.array([(1 - level) / 2, (1 + level) / 2]))
    if (speed * z >= 1).any():
        return percentile_interval(known, level=level)
    low, high = np.quantile(known, ndtr(bias + z / (1 - speed * z)))
    return Interval(float(low), float(high))


def percentile_interval(resampled: F64, *, level: float = 0.95) -> Interval:
    """Returns the percentile interval from resampled statistics.

    Its ends are quantiles of the resamples (Efron and Tibshirani 1993, chapter 13).

    Args:
        resampled: The statistic on each resample; NaN is left out. Shape (draws,).
        level: Confidence level.

    Returns:
        NaN limits where no resample is finite.
    """
    known = resampled[np.isfinite(resampled)]
    if not len(known):
        return Interval(float("nan"), float("nan"))
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))
