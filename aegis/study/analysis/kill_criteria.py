"""Kill criteria: conditions that stop a study or invalidate its result."""

from __future__ import annotations

from dataclasses import dataclass

from aegis.study.analysis.arm_results import ArmResult
from aegis.study.analysis.formatting import format_interval, format_percent
from aegis.study.detection.detector_result import DetectorResult
from aegis.study.detection.handover_timing import has_weak_start
from aegis.study.outcomes import Outcomes
from aegis.study.plan.study_plan import StudyPlan

STOP, MARK = "stop", "mark"


@dataclass(frozen=True, slots=True)
class KillResult:
    """A criterion of the plan that stops the study or marks its result.

    Attributes:
        name: For example ``early_auroc``, ``duty``, ``common_prefix``, ``floor``, ``ceiling``.
        rule: The rule in words, with its number.
        measured: What was found, in words.
        action: ``stop`` or ``mark``.
        killed: Whether it struck.
    """

    name: str
    rule: str
    measured: str
    action: str
    killed: bool


def evaluate_kill_criteria(
    outcomes: Outcomes,
    plan: StudyPlan,
    arms: tuple[ArmResult, ...],
    detector: DetectorResult | None,
) -> tuple[KillResult, ...]:
    """Evaluates every criterion of a plan.

    Criteria that can be evaluated on the reference alone stop a study before the other arms are
    played, if the plan says so. Duty and common prefix are known only after, and mark its result,
    as all do otherwise. A criterion that could not be evaluated has struck.

    Args:
        outcomes: All arms on the same units.
        plan: The criteria.
        arms: The arms as they came out.
        detector: The early detector; None if nothing was scored.
    """
    named = {arm.name: arm for arm in arms}
    return (
        evaluate_early_auroc(plan, detector),
        _evaluate_duty(plan, named[plan.recommended]),
        evaluate_common_prefix(outcomes, plan.reference),
        *evaluate_reference_range(plan, named[plan.reference]),
    )


def evaluate_early_auroc(plan: StudyPlan, detector: DetectorResult | None) -> KillResult:
    """Strikes if failure cannot be told early: pooled, or between episodes of the same task."""
    rule = (
        f"lower bound of the AUROC in the first {format_percent(plan.early, 0)} of the horizon, "
        f"pooled and within task, at least {plan.kill.early_auroc:.2f}"
    )
    if detector is None:
        return KillResult("early_auroc", rule, "not measured: no scores", _kill_action(plan), True)
    low = (detector.auroc_early.ci.low, detector.auroc_early_within_task.ci.low)
    measured = f"{low[0]:.3f} pooled, {low[1]:.3f} within task"
    # Not "below": NaN, an AUROC that is undefined, has not reached it.
    killed = not all(bound >= plan.kill.early_auroc for bound in low)
    return KillResult("early_auroc", rule, measured, _kill_action(plan), killed)


def evaluate_common_prefix(outcomes: Outcomes, reference: str) -> KillResult:
    """Strikes if an arm that never handed over is not its reference, bit for bit.

    One that did hand over was the reference until then, so the reference cannot have ended before.
    The runner compares states and actions tick by tick; this repeats the check on the rows alone.
    """
    quiet, broken = 0, 0
    for rows in outcomes.rows.values():
        for row, first in zip(rows, outcomes.rows[reference], strict=True):
            if row.arm == reference:
                continue
            if row.strong_steps == 0:
                quiet += 1
                broken += (row.digest, row.success) != (first.digest, first.success)
            elif has_weak_start(row) and row.handover_k is not None:
                broken += first.steps <= row.handover_k
    rule = "arms are the reference bit for bit until they hand over"
    measured = f"{broken} episodes differ; {quiet} never handed over and were compared whole"
    return KillResult("common_prefix", rule, measured, MARK, broken > 0)


def evaluate_reference_range(
    plan: StudyPlan, reference: ArmResult
) -> tuple[KillResult, KillResult]:
    """Strikes if the reference is too bad to disrupt, or too good to recover."""
    value, action = reference.success.value, _kill_action(plan)
    measured = f"{format_percent(value)} of {reference.n} units"
    low, high = plan.kill.floor, plan.kill.ceiling
    least = f"{reference.name} solves at least {format_percent(low, 0)}"
    most = f"{reference.name} solves at most {format_percent(high, 0)}"
    return (
        KillResult("floor", least, measured, action, value < low),
        KillResult("ceiling", most, measured, action, value > high),
    )


def _kill_action(plan: StudyPlan) -> str:
    """Returns what a criterion does that the reference alone decides."""
    return STOP if plan.kill.stops else MARK


def _evaluate_duty(plan: StudyPlan, arm: ArmResult) -> KillResult:
    return KillResult(
        "duty",
        f"{arm.name} has the strong policy in charge on at most "
        f"{format_percent(plan.kill.duty, 0)} of steps",
        f"{format_percent(arm.duty.value)} {format_interval(arm.duty.ci)}",
        MARK,
        # Not "above": a duty that is not known strikes, too.
        not arm.duty.value <= plan.kill.duty,
    )
