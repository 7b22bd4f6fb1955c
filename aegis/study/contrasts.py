"""Contrasts: an arm against another on the same units, in every reading that a report needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from aegis.core.errors import ShapeError
from aegis.core.seeds import stream
from aegis.core.types import F64
from aegis.stats.bayes import difference_posterior
from aegis.stats.cells import noninferiority, tango
from aegis.stats.differences import (
    clustered_difference,
    conditional_difference,
    ratio_difference,
    tasks_difference,
)
from aegis.stats.intervals import Interval, clopper_pearson, paired_difference
from aegis.stats.multiplicity import holm
from aegis.stats.paired import PairedOutcome, by_task
from aegis.stats.permutation import sign_flip
from aegis.stats.resample import Sample
from aegis.stats.sequential import anytime_p, first_stop, log_e_path
from aegis.study.contrast import (
    EXPLORATORY,
    PRIMARY,
    SECONDARY,
    ContrastResult,
    Looks,
    Posterior,
    TaskDifference,
)
from aegis.study.estimate import Estimate
from aegis.study.outcomes import I64, Bools, Outcomes
from aegis.study.plan import GREATER, NONINFERIOR, SEQUENTIAL, PlannedContrast, StudyPlan

NOWHERE = Interval(float("nan"), float("nan"))
"""The interval of what cannot be estimated."""
_UNKNOWN = Estimate(float("nan"), NOWHERE)


def contrast(
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
    if not x.shape == y.shape == z.shape == np.shape(task) == np.shape(start) or not x.size:
        shapes = [x.shape, y.shape, z.shape, np.shape(task), np.shape(start)]
        raise ShapeError(f"Need five vectors over the same units. Got: {shapes}.")
    outcome, lost = PairedOutcome.of(x, y), PairedOutcome.of(x[~z], y[~z])

    def rng(what: str) -> np.random.Generator:
        return stream(root, "study", "contrast", *names, what)

    one_per_start = len(np.unique(np.stack([task, start]), axis=1)[0]) == len(x)
    units = _apart(paired_difference(x, y, task, rng("units"), draws=draws), outcome)
    conditional = conditional_difference(x, y, ~z, task, rng("failures"), draws=draws)
    clusters = clustered_difference(x, y, task, start, rng("starts"), draws=draws)
    greater = outcome.mcnemar()
    p = noninferiority(outcome, margin) if alternative == NONINFERIOR else greater
    return ContrastResult(
        arm=names[0],
        against=names[1],
        alternative=alternative,
        margin=margin if alternative == NONINFERIOR else None,
        alpha=alpha,
        n=outcome.units,
        recovered=outcome.recovered,
        disrupted=outcome.disrupted,
        difference=Estimate(outcome.difference, units),
        difference_clustered=units if one_per_start else _apart(clusters.interval, outcome),
        difference_tasks=_over_tasks(x, y, task, rng("tasks"), draws),
        failures=lost.units,
        recovered_difference=Estimate(conditional.value, _apart(conditional.interval, lost)),
        p=p,
        mid_p=outcome.mid_p(),
        p_holm=p,
        # Against the reference itself a loss is impossible there: such a test would be empty.
        failures_p=float("nan") if (x == z).all() or (y == z).all() else lost.mcnemar(),
        duty_difference=_duty(duty, task, start, rng("duty"), draws),
        per_task=_per_task(x, y, task),
        looks=_looks(x, y, alpha),
        posterior=_posterior(x, y, task, rng("posterior"), 10 * draws),
        passed=p <= alpha,
        p_starts=greater if one_per_start else sign_flip(x, y, task, start),
        p_tasks=sign_flip(x, y, task),
    )


def of_arms(
    outcomes: Outcomes, planned: PlannedContrast, plan: StudyPlan, draws: int
) -> ContrastResult:
    """Compares two arms of a study."""
    one, other = planned.arm, planned.against
    return contrast(
        outcomes.success[one],
        outcomes.success[other],
        outcomes.success[plan.reference],
        outcomes.task,
        outcomes.start,
        root=outcomes.root,
        names=(one, other),
        alternative=planned.alternative,
        margin=plan.margin,
        alpha=plan.alpha,
        draws=draws,
        duty=[table[arm] for arm in (one, other) for table in (outcomes.strong, outcomes.steps)],
    )


def families(outcomes: Outcomes, plan: StudyPlan, draws: int) -> tuple[ContrastResult, ...]:
    """Returns the primary contrasts, corrected as one family, then others, uncorrected.

    Others are: secondary ones that the plan names; then, exploratory, the recommended and the
    published arm against each other arm, and every arm against the reference. In a sequential
    study the family is corrected with p-values that hold at any time, one over the largest e so
    far; ``p`` stays the exact test, for comparison.
    """
    primary = [of_arms(outcomes, planned, plan, draws) for planned in plan.contrasts]
    valid = {f"{c.arm} {c.against}": _valid_p(outcomes, c, plan) for c in primary}
    corrected = holm(valid)
    found = [
        replace(
            c,
            family=PRIMARY,
            p_holm=corrected[name],
            passed=corrected[name] <= plan.alpha,
        )
        for name, c in zip(corrected, primary, strict=True)
    ]
    for planned in _exploratory(plan, list(outcomes.rows)):
        result = of_arms(outcomes, planned, plan, draws)
        family = SECONDARY if planned in plan.secondary else EXPLORATORY
        found.append(replace(result, family=family, p_holm=float("nan"), passed=False))
    return tuple(found)


def _exploratory(plan: StudyPlan, arms: Sequence[str]) -> list[PlannedContrast]:
    pairs = [(one, other) for one in (plan.recommended, plan.published) for other in arms]
    pairs += [(arm, plan.reference) for arm in arms]
    known = {(one.arm, one.against) for one in (*plan.contrasts, *plan.secondary)}
    new = dict.fromkeys(
        (one, other)
        for one, other in pairs
        if one != other and (one, other) not in known and plan.oracle not in (one, other)
        if one != plan.reference
    )
    return [*plan.secondary, *(PlannedContrast(one, other) for one, other in new)]


def _valid_p(outcomes: Outcomes, result: ContrastResult, plan: StudyPlan) -> float:
    """Returns the p-value that holds: of units that share a start state, or at any time."""
    if result.alternative != GREATER:
        return result.p
    if plan.stopping == SEQUENTIAL:
        one, other = (outcomes.success[arm] for arm in (result.arm, result.against))
        return anytime_p(log_e_path(one, other))
    return max(result.p, result.p_starts)


def _apart(interval: Interval, outcome: PairedOutcome) -> Interval:
    """Returns the interval, or Tango's where no unit is discordant: all resamples are alike then.

    Of no more than one kind of discordant unit the bootstrap cannot see beyond what it has; the
    wider of both is given.
    """
    if not outcome.units or (outcome.recovered and outcome.disrupted):
        return interval
    score = tango(outcome)
    if not outcome.recovered and not outcome.disrupted:
        high = clopper_pearson(0, outcome.units).high
        return Interval(min(score.low, -high), max(score.high, high))
    return Interval(min(interval.low, score.low), max(interval.high, score.high))


def _over_tasks(x: Bools, y: Bools, task: I64, rng: np.random.Generator, draws: int) -> Interval:
    if len(np.unique(task)) < 2:
        return NOWHERE
    return tasks_difference(x, y, task, rng, draws=draws).interval


def _duty(
    duty: Sequence[F64], task: I64, start: I64, rng: np.random.Generator, draws: int
) -> Estimate:
    if not duty:
        return _UNKNOWN
    found = ratio_difference(Sample.of(np.column_stack(duty), task, start), rng, draws=draws)
    return Estimate(found.value, found.interval)


def _per_task(x: Bools, y: Bools, task: I64) -> tuple[TaskDifference, ...]:
    """Returns each task's difference with Tango's interval, which holds its level for few units."""
    return tuple(
        TaskDifference(name, c.units, c.recovered, c.disrupted, Estimate(c.difference, tango(c)))
        for name, c in by_task(x, y, task).items()
    )


def _looks(x: Bools, y: Bools, alpha: float) -> Looks:
    path = log_e_path(x, y)
    return Looks(float(path[-1]), first_stop(path, alpha))


def _posterior(x: Bools, y: Bools, task: I64, rng: np.random.Generator, draws: int) -> Posterior:
    cells = list(by_task(x, y, task).values())
    found = difference_posterior(cells, rng, above=0.02, draws=draws)
    return Posterior(found.mean, found.interval, found.p_positive, found.p_above)
