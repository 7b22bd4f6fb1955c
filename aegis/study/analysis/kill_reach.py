"""Kill reach: how likely each criterion was to strike, judged by calibration units alone.

A criterion that could not have struck is no test that was passed. What is known before any test
unit is played says so: the calibration episodes of the reference and of the recommended arm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, isfinite, sqrt

import numpy as np
from scipy.stats import betabinom, norm

from aegis.records.rows import EpisodeRow
from aegis.study.plan.context import AnalysisContext
from aegis.study.plan.study_plan import StudyPlan

IDLE_CHANCE = 1e-3
"""A criterion that was less likely to strike could not have struck, to all intents."""
_JEFFREYS = 0.5


@dataclass(frozen=True, slots=True)
class KillReach:
    """How likely a criterion was to strike, given calibration.

    Attributes:
        name: The criterion, as in ``KillResult``.
        chance: Predictive probability that it strikes on the test units; NaN where calibration
            does not tell.
        idle: Whether that is below ``IDLE_CHANCE``; None where calibration does not tell.
        basis: What it is judged by, in words.
    """

    name: str
    chance: float
    idle: bool | None
    basis: str


def assess_kill_reach(plan: StudyPlan, facts: AnalysisContext, units: int) -> tuple[KillReach, ...]:
    """Assesses every criterion of a plan.

    Args:
        plan: The criteria.
        facts: Has the calibration episodes.
        units: Test units.
    """
    none = "calibration episodes keep no scores"
    return (
        _describe_reach("early_auroc", float("nan"), none),
        _assess_duty(plan, facts, units),
        _describe_reach(
            "common_prefix", float("nan"), "a check of the machinery: it strikes on a fault alone"
        ),
        *_assess_reference(plan, facts, units),
    )


def _describe_reach(name: str, chance: float, basis: str) -> KillReach:
    return KillReach(name, chance, chance < IDLE_CHANCE if isfinite(chance) else None, basis)


def _assess_duty(plan: StudyPlan, facts: AnalysisContext, units: int) -> KillReach:
    """Returns the chance that a ratio estimated on calibration units comes out too high again."""
    rows = _find_calibration_rows(facts, plan.recommended)
    if len(rows) < 2:
        return _describe_reach("duty", float("nan"), "the arm was not played on calibration units")
    strong = np.array([row.strong_steps for row in rows], np.float64)
    steps = np.array([row.steps for row in rows], np.float64)
    duty, n = float(strong.sum() / steps.sum()), len(rows)
    # Linearised variance of a ratio of totals (Cochran 1977, chapter 6), on calibration units and
    # once more on test units.
    residual = strong - duty * steps
    error = sqrt(n / (n - 1) * float(residual @ residual)) / float(steps.sum())
    error *= sqrt(1 + n / units)
    chance = float(norm.sf((plan.kill.duty - duty) / error)) if error else float("nan")
    return _describe_reach("duty", chance, f"{100 * duty:.1f} % on {n} calibration units")


def _assess_reference(
    plan: StudyPlan, facts: AnalysisContext, units: int
) -> tuple[KillReach, KillReach]:
    """Returns the chances that the reference solves too few, or too many, of the test units."""
    rows = _find_calibration_rows(facts, plan.reference)
    if not rows:
        absent = "the reference was not played on calibration units"
        return (
            _describe_reach("floor", float("nan"), absent),
            _describe_reach("ceiling", float("nan"), absent),
        )
    n, solved = len(rows), sum(row.success for row in rows)
    law = betabinom(units, solved + _JEFFREYS, n - solved + _JEFFREYS)
    basis = f"{solved} of {n} calibration units solved"
    low, high = plan.kill.floor * units, plan.kill.ceiling * units
    return (
        _describe_reach("floor", float(law.cdf(ceil(low) - 1)), basis),
        _describe_reach("ceiling", float(law.sf(floor(high))), basis),
    )


def _find_calibration_rows(facts: AnalysisContext, arm: str) -> Sequence[EpisodeRow]:
    """Returns the arm's calibration episodes at the setting that was locked, if it was played."""
    locked = facts.settings.get(arm)
    mine = [one for one in facts.tried if one.arm == arm]
    at_lock = [one for one in mine if one.words == locked]
    # Without a dial there is one setting; with one, the last is what the search ended at.
    return (at_lock or mine)[-1].rows if mine else ()
