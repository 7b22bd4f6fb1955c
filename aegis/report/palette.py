"""Palette: which colour an arm has in all figures, and which arms matter most."""

from __future__ import annotations

from aegis.report.canvas import BLUE, GREEN, INK, SOFT, VERMILLION
from aegis.report.ladder import Rung
from aegis.study.analysis.arm_results import ArmResult
from aegis.study.analysis.contrast_result import ContrastResult
from aegis.study.analysis.study_result import StudyResult

STRONG, ORACLE, PUBLISHED = "strong", "oracle", "aegis"
"""Arms that have these names in every plan."""
WEAK_TINT, STRONG_TINT = "#f1f1f1", "#cfe3f1"


def hue(result: StudyResult, arm: str) -> str:
    """Returns the colour of an arm; grey unless it is one that a reader looks for."""
    if arm == result.recommended:
        return BLUE
    return {STRONG: GREEN, ORACLE: INK, PUBLISHED: VERMILLION}.get(arm, SOFT)


def rung(result: StudyResult, arm: str) -> Rung:
    """Returns the row of an arm in a chart."""
    return Rung(arm, hue(result, arm), arm == result.recommended)


def named(result: StudyResult, arm: str) -> ArmResult | None:
    """Returns an arm by name; None if there is no such arm."""
    return next((found for found in result.arms if found.name == arm), None)


def primary(result: StudyResult) -> tuple[ContrastResult, ...]:
    """Returns the contrasts that the plan names."""
    return tuple(contrast for contrast in result.contrasts if contrast.is_primary)


def leading(result: StudyResult) -> tuple[ContrastResult, ...]:
    """Returns the contrasts that are drawn: the primary ones, or all if there are none."""
    return primary(result) or result.contrasts


def main_arms(result: StudyResult, most: int) -> tuple[ArmResult, ...]:
    """Returns the arms that matter most: the recommended one, its rivals, then all others."""
    rivals = [name for c in leading(result) for name in (c.arm, c.against)]
    order = [result.recommended, *rivals, PUBLISHED, STRONG, *(arm.name for arm in result.arms)]
    found = [named(result, name) for name in dict.fromkeys(order) if name != result.reference]
    return tuple(arm for arm in found if arm is not None)[:most]
