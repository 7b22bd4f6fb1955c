"""Locked context: what an analysis reads from a locked plan besides the plan itself."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from aegis.app.config.settings import Settings
from aegis.app.study.rules import read_rules
from aegis.study.plan.calibration_table import read_calibration_table
from aegis.study.plan.context import AnalysisContext
from aegis.study.plan.lockfile import DigestChange, LockedPlan
from aegis.study.plan.study_plan import FIRST_DRAWS, StudyPlan

HELPING_POLICY = "strong"
"""The helping policy; a placebo arm hands over to another one."""


def build_analysis_context(
    locked: LockedPlan, plan: StudyPlan, root: Path, changes: Sequence[DigestChange] = ()
) -> AnalysisContext:
    """Returns the context of an analysis.

    Args:
        locked: The locked plan.
        plan: Its section ``plan``.
        root: Run folder with the calibration episodes.
        changes: Differences from the state at locking, for the reader.
    """
    settings = Settings(locked.tree)
    calibrated = settings.level("calibrated")
    dials = cast("Mapping[str, Mapping[str, float | str]]", calibrated.node("dials"))
    detectors = cast("Mapping[str, Mapping[str, float]]", calibrated.node("detectors"))
    arms = settings.level("arms")
    rules = read_rules(locked)
    helpers = {arm: arms.level(arm).text("strong") for arm in arms.names()}
    helped = [arm for arm in rules if helpers[arm] == HELPING_POLICY]
    first = next(iter(detectors), "probe")
    alarm = rules[plan.published].score if plan.published in rules else first
    gate = arms.level(plan.published).node("gate")
    calibration = detectors.get(alarm, {})
    return AnalysisContext(
        name=settings.text("name"),
        arms=tuple(arms.names()),
        horizon=calibrated.integer("horizon", 1),
        tasks=settings.integers("tasks"),
        detector=rules[plan.recommended].score if plan.recommended in rules else first,
        alarm=alarm,
        threshold=_number_or_default(gate.get("threshold"), calibration.get("threshold", math.nan)),
        guard=_number_or_default(gate.get("guard_fraction"), calibration.get("guard", 0.0)),
        false_alarms=calibration.get("alpha", math.nan),
        scored=tuple(sorted(helped, key=lambda arm: arm not in (plan.published, plan.recommended))),
        helpers=helpers,
        duty_target={arm: float(dial["target"]) for arm, dial in dials.items()},
        duty_calibration={arm: float(dial["duty"]) for arm, dial in dials.items()},
        settings={arm: f"{dial['key']} {dial['setting']}" for arm, dial in dials.items()},
        tried=read_calibration_table(root),
        lock={"file": locked.digest, **locked.digests},
        notes=_describe_changes(changes),
        draws=plan.draws or FIRST_DRAWS,
    )


def _describe_changes(changes: Sequence[DigestChange]) -> tuple[str, ...]:
    if not changes:
        return ()
    names = ", ".join(change.name for change in changes)
    return (
        f"Analysed by other code or versions than the plan was locked with: {names}. The tables "
        "are as sealed; aegis study verify checks whether they can be replayed.",
    )


def _number_or_default(value: object, otherwise: float) -> float:
    return float(value) if isinstance(value, int | float) else otherwise
