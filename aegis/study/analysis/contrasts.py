"""Contrasts: one arm against another on the same units, in every reading of a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aegis.core.errors import ShapeError
from aegis.core.seeds import root_stream
from aegis.core.types import F64, I64, Bools
from aegis.stats.bayes import difference_posterior
from aegis.stats.bootstrap import paired_difference_interval
from aegis.stats.differences import (
    clustered_difference,
    conditional_difference,
    ratio_difference,
    task_clustered_difference,
)
from aegis.stats.e_process import log_e_path, stopping_time
from aegis.stats.exact_interval import clopper_pearson_interval
from aegis.stats.intervals import UNKNOWN_INTERVAL, Interval
from aegis.stats.p_values import sign_flip_p
from aegis.stats.paired_intervals import noninferiority_p, tango_interval
from aegis.stats.paired_outcome import PairedOutcome, count_by_task
from aegis.stats.resampling import ClusteredSample
from aegis.study.analysis.contrast_result import (
    BayesianReading,
    ContrastResult,
    SequentialReading,
    TaskDifference,
)
from aegis.study.estimates import Estimate
from aegis.study.plan.study_plan import GREATER, NONINFERIOR

_UNKNOWN_ESTIMATE = Estimate(float("nan"), UNKNOWN_INTERVAL)


def compare_success(
    arm: Bools,
    against: Bools,
    reference: Bools,
    task: I64,
    start: I64,
    *,
    root: int = 0,
    names: tuple[str, str] = ("arm", "against"),
    alternative: str = GREATER,
    margin: float = 0.03,
    alpha: float = 0.05,
    draws: int = 2000,
    duty: Sequence[F64] = (),
) -> ContrastResult:
    """Compares success of two arms; needs no run, so it can be tried on simulated studies.

    Args:
        arm: Success of the arm, in the planned order of units. Shape (n,).
        against: Success of the other arm on the same units. Shape (n,).
        reference: Success of the reference on them. Shape (n,).
        task: Task of each unit. Shape (n,).
        start: Start state of each unit. Shape (n,).
        root: Root seed; resampling is addressed by it and by the names.
        names: The two arms.
        alternative: ``greater`` or ``noninferior``.
        margin: Of non-inferiority.
        alpha: Level of the family.
        draws: Resamples.
        duty: Strong steps and steps of the arm, then of the other. Four vectors, shape (n,).

    Returns:
        The contrast as a family of its own: ``p_holm`` is ``p``. It is exploratory: a plan makes
        it primary, see ``families``.

    Raises:
        ShapeError: If the shapes differ or there is no unit.
    """
    x, y, z = (np.asarray(part, bool) for part in (arm, against, reference))
    shapes = [np.shape(part) for part in (x, y, z, task, start)]
    if len(set(shapes)) > 1 or not x.size:
        raise ShapeError(f"Need five vectors over the same units. Got: {shapes}.")
    matched = _MatchedArms(x, y, z, task, start, root, names, draws)
    return matched.compute_readings(alternative, margin, alpha, duty)


@dataclass(frozen=True, slots=True, eq=False)
class _MatchedArms:
    """Two arms and the reference on the same units, and how their resampling is addressed.

    Attributes:
        x, y, z: Success of the arm, of the other, and of the reference. Shape (n,).
        task, start: Task and start state of each unit. Shape (n,).
        root: Root seed.
        names: The two arms.
        draws: Resamples.
    """

    x: Bools
    y: Bools
    z: Bools
    task: I64
    start: I64
    root: int
    names: tuple[str, str]
    draws: int

    def compute_readings(
        self, alternative: str, margin: float, alpha: float, duty: Sequence[F64]
    ) -> ContrastResult:
        """Returns all readings of the contrast.

        Args:
            alternative: ``greater`` or ``noninferior``.
            margin: Of non-inferiority.
            alpha: Level of the family.
            duty: Strong steps and steps of the arm, then of the other [control steps]. Four
                vectors, shape (n,); empty if not known.
        """
        x, y, z = self.x, self.y, self.z
        outcome, lost = PairedOutcome.from_success(x, y), PairedOutcome.from_success(x[~z], y[~z])
        once = len(np.unique(np.stack([self.task, self.start]), axis=1)[0]) == len(x)
        units = _widen_with_tango(self._interval_over_units(), outcome)
        greater = outcome.mcnemar_p()
        p = noninferiority_p(outcome, margin) if alternative == NONINFERIOR else greater
        return ContrastResult(
            arm=self.names[0],
            against=self.names[1],
            alternative=alternative,
            margin=margin if alternative == NONINFERIOR else None,
            alpha=alpha,
            n=outcome.units,
            recovered=outcome.recovered,
            disrupted=outcome.disrupted,
            difference=Estimate(outcome.difference, units),
            difference_clustered=units
            if once
            else _widen_with_tango(self._interval_over_starts(), outcome),
            difference_tasks=self._interval_over_tasks(),
            failures=lost.units,
            recovered_difference=self._recovered_difference(lost),
            p=p,
            mid_p=outcome.mid_p(),
            p_holm=p,
            # Against the reference itself a loss is impossible there: a test would be empty.
            failures_p=float("nan") if (x == z).all() or (y == z).all() else lost.mcnemar_p(),
            duty_difference=self._duty_difference(duty),
            per_task=self._task_differences(),
            looks=self._sequential_reading(alpha),
            posterior=self._bayesian_reading(),
            passed=p <= alpha,
            p_starts=greater if once else sign_flip_p(x, y, self.task, self.start),
            p_tasks=sign_flip_p(x, y, self.task),
        )

    def _make_rng(self, what: str) -> np.random.Generator:
        return root_stream(self.root, "study", "contrast", *self.names, what)

    def _interval_over_units(self) -> Interval:
        rng = self._make_rng("units")
        return paired_difference_interval(self.x, self.y, self.task, rng, draws=self.draws)

    def _interval_over_starts(self) -> Interval:
        rng = self._make_rng("starts")
        found = clustered_difference(self.x, self.y, self.task, self.start, rng, draws=self.draws)
        return found.interval

    def _interval_over_tasks(self) -> Interval:
        if len(np.unique(self.task)) < 2:
            return UNKNOWN_INTERVAL
        rng = self._make_rng("tasks")
        return task_clustered_difference(self.x, self.y, self.task, rng, draws=self.draws).interval

    def _recovered_difference(self, lost: PairedOutcome) -> Estimate:
        """Returns the difference on the units that the reference failed, ``lost``."""
        rng = self._make_rng("failures")
        found = conditional_difference(self.x, self.y, ~self.z, self.task, rng, draws=self.draws)
        return Estimate(found.value, _widen_with_tango(found.interval, lost))

    def _duty_difference(self, duty: Sequence[F64]) -> Estimate:
        """Returns the arm's duty minus the other's; NaN if not known.

        Args:
            duty: Strong steps and steps of the arm, then of the other [control steps]. Four
                vectors, shape (n,).
        """
        if not duty:
            return _UNKNOWN_ESTIMATE
        sample = ClusteredSample.from_units(np.column_stack(duty), self.task, self.start)
        return Estimate.from_bootstrap(
            ratio_difference(sample, self._make_rng("duty"), draws=self.draws)
        )

    def _task_differences(self) -> tuple[TaskDifference, ...]:
        """Returns the difference in each task; Tango's interval holds its level for few units."""
        return tuple(
            TaskDifference(
                name, c.units, c.recovered, c.disrupted, Estimate(c.difference, tango_interval(c))
            )
            for name, c in count_by_task(self.x, self.y, self.task).items()
        )

    def _sequential_reading(self, alpha: float) -> SequentialReading:
        path = log_e_path(self.x, self.y)
        return SequentialReading(float(path[-1]), stopping_time(path, alpha))

    def _bayesian_reading(self) -> BayesianReading:
        cells = list(count_by_task(self.x, self.y, self.task).values())
        rng = self._make_rng("posterior")
        found = difference_posterior(
            cells, rng, above=0.02, draws=_count_posterior_draws(self.draws)
        )
        return BayesianReading(found.mean, found.interval, found.p_positive, found.p_above)


def _count_posterior_draws(draws: int) -> int:
    """Returns ten times the resamples, but no more than its error needs: 0.3 points at 20,000."""
    return min(10 * draws, max(draws, 20_000))


def _widen_with_tango(interval: Interval, outcome: PairedOutcome) -> Interval:
    """Returns the interval, or Tango's where no unit is discordant: all resamples are alike then.

    Of no more than one kind of discordant unit the bootstrap cannot see beyond what it has; the
    wider of both is given.
    """
    if not outcome.units or (outcome.recovered and outcome.disrupted):
        return interval
    score = tango_interval(outcome)
    if not outcome.recovered and not outcome.disrupted:
        high = clopper_pearson_interval(0, outcome.units).high
        return Interval(min(score.low, -high), max(score.high, high))
    return Interval(min(interval.low, score.low), max(interval.high, score.high))
