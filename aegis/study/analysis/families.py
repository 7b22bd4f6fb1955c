"""Families: contrasts grouped by what a claim may rest on; the first group is corrected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from aegis.stats.e_process import anytime_p, log_e_path
from aegis.stats.p_values import holm_adjusted
from aegis.study.analysis.contrast_result import EXPLORATORY, PRIMARY, SECONDARY, ContrastResult
from aegis.study.analysis.contrasts import compare_success
from aegis.study.outcomes import Outcomes
from aegis.study.plan.study_plan import GREATER, SEQUENTIAL, PlannedContrast, StudyPlan


def compare_arms(
    outcomes: Outcomes, planned: PlannedContrast, plan: StudyPlan, draws: int
) -> ContrastResult:
    """Compares two arms of a study."""
    one, other = planned.arm, planned.against
    return compare_success(
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


def compare_families(outcomes: Outcomes, plan: StudyPlan, draws: int) -> tuple[ContrastResult, ...]:
    """Returns the primary contrasts, corrected as one family, then others, uncorrected.

    Others are: secondary ones that the plan names; then, exploratory, the recommended and the
    published arm against each other arm, and every arm against the reference. In a sequential
    study the family is corrected with p-values that hold at any time, one over the largest e so
    far; ``p`` stays the exact test, for comparison.
    """
    primary = [compare_arms(outcomes, planned, plan, draws) for planned in plan.contrasts]
    valid = {f"{c.arm} {c.against}": _valid_p(outcomes, c, plan) for c in primary}
    corrected = holm_adjusted(valid)
    found = [
        replace(
            c,
            family=PRIMARY,
            p_holm=corrected[name],
            passed=corrected[name] <= plan.alpha,
        )
        for name, c in zip(corrected, primary, strict=True)
    ]
    for planned in list_contrasts(plan, list(outcomes.rows))[len(plan.contrasts) :]:
        result = compare_arms(outcomes, planned, plan, draws)
        family = SECONDARY if planned in plan.secondary else EXPLORATORY
        found.append(replace(result, family=family, p_holm=float("nan"), passed=False))
    return tuple(found)


def list_contrasts(plan: StudyPlan, arms: Sequence[str]) -> list[PlannedContrast]:
    """Lists the contrasts of a report: primary ones, secondary ones, then exploratory ones.

    Args:
        plan: The planned ones, and the arms that others are about.
        arms: Arms that were played, in the order of the plan.
    """
    pairs = [(one, other) for one in (plan.recommended, plan.published) for other in arms]
    pairs += [(arm, plan.reference) for arm in arms]
    known = {(one.arm, one.against) for one in (*plan.contrasts, *plan.secondary)}
    new = dict.fromkeys(
        (one, other)
        for one, other in pairs
        if one != other and (one, other) not in known and plan.oracle not in (one, other)
        if one != plan.reference
    )
    return [*plan.contrasts, *plan.secondary, *(PlannedContrast(one, other) for one, other in new)]


def _valid_p(outcomes: Outcomes, result: ContrastResult, plan: StudyPlan) -> float:
    """Returns the p-value that holds: of units that share a start state, or at any time."""
    if result.alternative != GREATER:
        return result.p
    if plan.stopping == SEQUENTIAL:
        one, other = (outcomes.success[arm] for arm in (result.arm, result.against))
        return anytime_p(log_e_path(one, other))
    return max(result.p, result.p_starts)
