"""Supplement: readings of a study beside its planned ones, from the same tables.

A report of a plan that was locked before they existed does not hold them (see
``StudyPlan.draws``); they are computed from its tables all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from aegis.core.seeds import root_stream
from aegis.core.types import F64, I64
from aegis.records.fork_rows import unit_key_of
from aegis.records.rows import EpisodeRow
from aegis.stats.differences import ratio_of_totals
from aegis.stats.intervals import UNKNOWN_INTERVAL, Interval
from aegis.stats.resampling import ClusteredSample
from aegis.study.analysis.families import list_contrasts
from aegis.study.analysis.kill_reach import KillReach, assess_kill_reach
from aegis.study.analysis.oracle import bound_oracle, estimate_closed_share
from aegis.study.estimates import Estimate
from aegis.study.outcomes import Outcomes
from aegis.study.plan.context import AnalysisContext
from aegis.study.plan.study_plan import StudyPlan
from aegis.study.play.small_tables import StudyTables


@dataclass(frozen=True, slots=True)
class ContrastSupplement:
    """A contrast with its tasks as a sample of tasks, and in strong steps.

    Attributes:
        arm, against: The two arms.
        tasks: Number of tasks.
        difference_random_tasks: Mean over tasks of the difference of success rates, all units;
            t interval with tasks - 1 degrees of freedom.
        recovered_random_tasks: The same of recovered-task rates, over tasks in which the reference
            failed.
        strong_steps: Difference of strong steps per unit [control steps]; BCa interval, start
            states resampled within tasks.
    """

    arm: str
    against: str
    tasks: int
    difference_random_tasks: Estimate
    recovered_random_tasks: Estimate
    strong_steps: Estimate


@dataclass(frozen=True, slots=True)
class ArmSupplement:
    """What an arm cost, in the other denominator, and whether the budget was kept.

    Attributes:
        name: The arm.
        strong_steps: Steps of the arm's second driver per unit [control steps].
        duty: Share of steps under the arm's second driver, on test units.
        at_most: The plan's ``budget.at_most``; None for an arm without a dial, which has no budget.
        exceeded: Whether the duty lies above it; None without.
    """

    name: str
    strong_steps: Estimate
    duty: float
    at_most: float | None
    exceeded: bool | None


@dataclass(frozen=True, slots=True)
class EqualDutyGap:
    """The way from random to oracle timing, with the oracle allocated at the arm's own duty.

    Attributes:
        arm: The arm.
        units: Units that were forked, on which all are compared.
        duty: Share of strong steps of the arm there, which the oracle meets, too, unless it
            solves all for less.
        success, random, oracle: Success rates of the arm, of random timing and of the oracle; the
            oracle's is a bound, see ``bound_oracle``.
        closed: (arm - random) / (oracle - random), at equal duty.
    """

    arm: str
    units: int
    duty: float
    success: float
    random: float
    oracle: float
    closed: Estimate


@dataclass(frozen=True, slots=True)
class Supplement:
    """All of them.

    Attributes:
        contrasts: Those of the report, in its order.
        arms: In the order of the plan.
        gaps: The recommended and the published arm; empty if nothing was forked.
        kill_reach: How likely each criterion was to strike.
    """

    contrasts: tuple[ContrastSupplement, ...]
    arms: tuple[ArmSupplement, ...]
    gaps: tuple[EqualDutyGap, ...]
    kill_reach: tuple[KillReach, ...]


def compute_supplement(
    plan: StudyPlan, tables: StudyTables, context: AnalysisContext
) -> Supplement:
    """Computes the supplement of a study.

    Args:
        plan: What was decided beforehand.
        tables: All that was measured.
        context: What neither of them says.

    Raises:
        UnknownNameError: If the plan names an arm that was not played.
        PairingError: If arms were not played on the same units.
    """
    left_out = set(context.excluded)
    episodes = [row for row in tables.episodes if str(row.key) not in left_out]
    forks = [row for row in tables.forks if str(row.key) not in left_out]
    outcomes = Outcomes.from_rows(episodes, context.arms, context.tasks)
    pairs = [(one.arm, one.against) for one in list_contrasts(plan, list(outcomes.rows))]
    gaps = dict.fromkeys([plan.recommended, plan.published]) if plan.oracle and forks else {}
    return Supplement(
        contrasts=tuple(_compare(outcomes, *pair, plan.reference, context.draws) for pair in pairs),
        arms=tuple(_describe_cost(outcomes, arm, plan, context) for arm in outcomes.rows),
        gaps=tuple(_close_gap(episodes, forks, arm, plan, context) for arm in gaps),
        kill_reach=assess_kill_reach(plan, context, outcomes.n),
    )


def estimate_over_tasks(by_task: F64, level: float = 0.95) -> Estimate:
    """Returns the mean of one number per task, with the t interval for tasks as a sample.

    Args:
        by_task: One number per task. Shape (tasks,).
        level: Confidence level.

    Returns:
        NaN without a task; without a second one the interval is not known.
    """
    n = len(by_task)
    if not n:
        return Estimate(float("nan"), UNKNOWN_INTERVAL)
    mean = float(np.mean(by_task))
    if n < 2:
        return Estimate(mean, UNKNOWN_INTERVAL)
    half = float(student.isf((1 - level) / 2, n - 1) * np.std(by_task, ddof=1) / np.sqrt(n))
    return Estimate(mean, Interval(mean - half, mean + half))


def _compare(
    outcomes: Outcomes, arm: str, against: str, reference: str, draws: int
) -> ContrastSupplement:
    gain = outcomes.success[arm].astype(np.float64) - outcomes.success[against]
    lost, task = ~outcomes.success[reference], outcomes.task
    return ContrastSupplement(
        arm=arm,
        against=against,
        tasks=len(np.unique(task)),
        difference_random_tasks=estimate_over_tasks(_average_by_task(gain, task)),
        recovered_random_tasks=estimate_over_tasks(_average_by_task(gain[lost], task[lost])),
        strong_steps=_estimate_mean(
            outcomes, outcomes.strong[arm] - outcomes.strong[against], (arm, against), draws
        ),
    )


def _average_by_task(values: F64, task: I64) -> F64:
    """Returns the mean of each task that has a unit. Shape (tasks there,)."""
    return np.array([values[task == name].mean() for name in np.unique(task)], np.float64)


def _estimate_mean(outcomes: Outcomes, values: F64, names: Sequence[str], draws: int) -> Estimate:
    """Returns the mean over units; start states are resampled within tasks.

    Args:
        outcomes: The units.
        values: What is averaged [control steps]. Shape (n,).
        names: Address of the resampling.
        draws: Resamples.
    """
    columns = np.column_stack([values, np.ones(len(values))])
    sample = ClusteredSample.from_units(columns, outcomes.task, outcomes.start)
    rng = root_stream(outcomes.root, "study", "strong steps", *names)
    return Estimate.from_bootstrap(ratio_of_totals(sample, rng, draws=draws))


def _describe_cost(
    outcomes: Outcomes, arm: str, plan: StudyPlan, context: AnalysisContext
) -> ArmSupplement:
    duty = float(outcomes.strong[arm].sum() / outcomes.steps[arm].sum())
    at_most = plan.budget.at_most if arm in context.duty_target else None
    return ArmSupplement(
        name=arm,
        strong_steps=_estimate_mean(outcomes, outcomes.strong[arm], (arm,), context.draws),
        duty=duty,
        at_most=at_most,
        exceeded=None if at_most is None else duty > at_most,
    )


def _close_gap(
    episodes: Sequence[EpisodeRow],
    forks: Sequence[EpisodeRow],
    arm: str,
    plan: StudyPlan,
    context: AnalysisContext,
) -> EqualDutyGap:
    """Allocates the oracle at the duty that the arm had on the units that were forked."""
    units = {row.key for row in forks if row.arm == plan.reference}
    shared = [row for row in episodes if row.key in units]
    mine = [row for row in shared if row.arm == arm]
    duty = sum(row.strong_steps for row in mine) / sum(row.steps for row in mine)
    bound = bound_oracle(forks, plan.reference, duty)
    outcomes = Outcomes.from_rows(shared, list(dict.fromkeys([plan.random, arm])), context.tasks)
    columns: F64 = np.column_stack(
        [
            outcomes.success[arm].astype(np.float64),
            outcomes.success[plan.random].astype(np.float64),
            [bound[unit_key_of(row)] for row in outcomes.rows[arm]],
        ]
    )
    success, random, oracle = columns.mean(axis=0).tolist()
    closed = estimate_closed_share(outcomes, columns, arm, context.draws)
    return EqualDutyGap(arm, outcomes.n, duty, success, random, oracle, closed)
