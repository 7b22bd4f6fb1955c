"""Kill criteria: what stops a study, or marks its result as one that does not count."""

from __future__ import annotations

from dataclasses import dataclass

from aegis.study.analysis.arm_results import ArmResult
from aegis.study.analysis.formatting import bracket, percent
from aegis.study.detection.detector_result import DetectorResult
from aegis.study.detection.timing import began_weak
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


def kill_results(
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
        early_auroc(plan, detector),
        _duty(plan, named[plan.recommended]),
        common_prefix(outcomes, plan.reference),
        *reference_range(plan, named[plan.reference]),
    )


def early_auroc(plan: StudyPlan, detector: DetectorResult | None) -> KillResult:
    """Strikes if failure cannot be told early: pooled, or between episodes of the same task."""
    rule = (
        f"lower bound of the AUROC in the first {percent(plan.early, 0)} of the horizon, pooled "
        f"and within task, at least {plan.kill.early_auroc:.2f}"
    )
    if detector is None:
        return KillResult("early_auroc", rule, "not measured: no scores", _action(plan), True)
    low = (detector.auroc_early.ci.low, detector.auroc_early_within_task.ci.low)
    measured = f"{low[0]:.3f} pooled, {low[1]:.3f} within task"
    # Not "below": NaN, an AUROC that is undefined, has not reached it.
    killed = not all(bound >= plan.kill.early_auroc for bound in low)
    return KillResult("early_auroc", rule, measured, _action(plan), killed)


def common_prefix(outcomes: Outcomes, reference: str) -> KillResult:
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
            elif began_weak(row) and row.handover_k is not None:
                broken += first.steps <= row.handover_k
    rule = "arms are the reference bit for bit until they hand over"
    measured = f"{broken} episodes differ; {quiet} never handed over and were compared whole"
    return KillResult("common_prefix", rule, measured, MARK, broken > 0)


def reference_range(plan: StudyPlan, reference: ArmResult) -> tuple[KillResult, KillResult]:
    """Strikes if the reference is too bad to disrupt, or too good to recover."""
    value, action = reference.success.value, _action(plan)
    measured = f"{percent(value)} of {reference.n} units"
    low, high = plan.kill.floor, plan.kill.ceiling
    least = f"{reference.name} solves at least {percent(low, 0)}"
    most = f"{reference.name} solves at most {percent(high, 0)}"
    return (
        KillResult("floor", least, measured, action, value < low),
        KillResult("ceiling", most, measured, action, value > high),
    )


def _action(plan: StudyPlan) -> str:
    """Returns what a criterion does that the reference alone decides."""
    return STOP if plan.kill.stops else MARK


def _duty(plan: StudyPlan, arm: ArmResult) -> KillResult:
    return KillResult(
        "duty",
        f"{arm.name} has the strong policy in charge on at most {percent(plan.kill.duty, 0)} of "
        "steps",
        f"{percent(arm.duty.value)} {bracket(arm.duty.ci)}",
        MARK,
        not arm.duty.value <= plan.kill.duty,
    )
