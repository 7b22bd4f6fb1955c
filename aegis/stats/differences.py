"""Intervals of differences between two arms on the same units, one for each way to generalise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aegis.core.errors import ShapeError
from aegis.core.types import F64, I64, Bools
from aegis.stats.bootstrap import bootstrap_totals
from aegis.stats.intervals import Interval
from aegis.stats.resampling import ClusteredSample


@dataclass(frozen=True, slots=True)
class BootstrapEstimate:
    """A difference of two rates with its bootstrap interval.

    Attributes:
        value: First rate minus second; NaN where undefined.
        interval: BCa; NaN where undefined.
    """

    value: float
    interval: Interval


def clustered_difference(
    arm: Bools,
    against: Bools,
    task: I64,
    start: I64,
    rng: np.random.Generator,
    *,
    level: float = 0.95,
    draws: int = 2000,
) -> BootstrapEstimate:
    """Compares success with start states resampled as wholes, within their task.

    Units that share a start state (several noise seeds of it) tend to go alike, so they are not
    independent and must be drawn together (Field and Welsh 2007). With one unit for each start
    state this is ``paired_difference_interval``.

    Args:
        arm: Success of the arm. Shape (n,).
        against: Success of the other arm on the same units. Shape (n,).
        task: Task of each unit. Shape (n,).
        start: Start state of each unit; numbers may repeat in another task. Shape (n,).
        rng: Source of the resampling.
        level: Confidence level.
        draws: Number of resamples.

    Raises:
        ShapeError: If the shapes differ or there is no unit.
    """
    gain = _unit_differences(arm, against)
    return _mean_difference(
        gain, ClusteredSample.from_units(_append_ones(gain), task, start), rng, level, draws
    )


def task_clustered_difference(
    arm: Bools,
    against: Bools,
    task: I64,
    rng: np.random.Generator,
    *,
    level: float = 0.95,
    draws: int = 2000,
) -> BootstrapEstimate:
    """Compares success with whole tasks resampled: for claims about tasks that were not tried.

    With ten tasks it is too short on average, as every bootstrap of ten things; read it as a
    sensitivity analysis. Arguments as in ``clustered_difference``.

    Raises:
        ShapeError: If the shapes differ or there is no unit.
    """
    gain = _unit_differences(arm, against)
    return _mean_difference(
        gain, ClusteredSample.from_units(_append_ones(gain), None, task), rng, level, draws
    )


def conditional_difference(
    arm: Bools,
    against: Bools,
    given: Bools,
    task: I64,
    rng: np.random.Generator,
    *,
    start: I64 | None = None,
    level: float = 0.95,
    draws: int = 2000,
) -> BootstrapEstimate:
    """Compares success on the units where something holds, for example that the reference failed.

    This gives the difference of recovered-task rates. Which units fail is itself a matter of
    chance, so all units are resampled, within their task, and the rate is a ratio of two totals.

    Args:
        arm: Success of the arm. Shape (n,).
        against: Success of the other arm on the same units. Shape (n,).
        given: Whether the condition holds. Shape (n,).
        task: Task of each unit. Shape (n,).
        rng: Source of the resampling.
        start: Start state of each unit, if these are to be drawn as wholes. Shape (n,).
        level: Confidence level.
        draws: Number of resamples.

    Returns:
        NaN where the condition holds nowhere.

    Raises:
        ShapeError: If the shapes differ or there is no unit.
    """
    gain, here = _unit_differences(arm, against), np.asarray(given, np.float64)
    if gain.shape != here.shape:
        raise ShapeError(f"Need vectors over the same units. Got: {gain.shape}, {here.shape}.")
    sample = ClusteredSample.from_units(np.stack([gain * here, here], axis=1), task, start)
    return ratio_of_totals(sample, rng, level=level, draws=draws)


def ratio_of_totals(
    sample: ClusteredSample, rng: np.random.Generator, *, level: float = 0.95, draws: int = 2000
) -> BootstrapEstimate:
    """Returns the total of the first column over that of the second, for example a duty.

    Args:
        sample: Units with two columns: numerator and denominator.
        rng: Source of the resampling.
        level: Confidence level.
        draws: Number of resamples.
    """
    total = sample.rows.sum(axis=0)
    interval = bootstrap_totals(
        lambda sums: sums[..., 0] / sums[..., 1], sample, rng, level=level, draws=draws
    )
    return BootstrapEstimate(float(total[0] / total[1]) if total[1] else float("nan"), interval)


def ratio_difference(
    sample: ClusteredSample, rng: np.random.Generator, *, level: float = 0.95, draws: int = 2000
) -> BootstrapEstimate:
    """Returns the ratio of columns 0 and 1 minus that of columns 2 and 3: a difference of duties.

    Args:
        sample: Units with four columns.
        rng: Source of the resampling.
        level: Confidence level.
        draws: Number of resamples.
    """

    def subtract_ratios(sums: F64) -> F64:
        """Returns differences of ratios, shape (...), of totals of shape (..., 4)."""
        found: F64 = sums[..., 0] / sums[..., 1] - sums[..., 2] / sums[..., 3]
        return found

    total = sample.rows.sum(axis=0)
    known = bool(total[1] and total[3])
    interval = bootstrap_totals(subtract_ratios, sample, rng, level=level, draws=draws)
    return BootstrapEstimate(float(subtract_ratios(total)) if known else float("nan"), interval)


def _mean_difference(
    gain: F64, sample: ClusteredSample, rng: np.random.Generator, level: float, draws: int
) -> BootstrapEstimate:
    """Returns the mean difference over the units in each resample.

    It is a ratio: clusters differ in size, so their number of units is no constant.

    Args:
        gain: Difference of each unit [success]. Shape (n,).
        sample: The same differences and ones, as two columns, in clusters.
        rng: Source of the resampling.
        level: Confidence level.
        draws: Number of resamples.
    """
    return BootstrapEstimate(
        float(gain.mean()), ratio_of_totals(sample, rng, level=level, draws=draws).interval
    )


def _unit_differences(arm: Bools, against: Bools) -> F64:
    """Returns success of the arm minus that of the other, -1, 0 or 1. Shape (n,)."""
    x, y = np.asarray(arm, np.float64), np.asarray(against, np.float64)
    if x.ndim != 1 or x.shape != y.shape:
        raise ShapeError(f"Arms must be vectors over the same units. Got: {x.shape}, {y.shape}.")
    return x - y


def _append_ones(gain: F64) -> F64:
    """Returns differences beside ones, the numerator and denominator of a mean. Shape (n, 2)."""
    return np.stack([gain, np.ones(len(gain))], axis=1)
