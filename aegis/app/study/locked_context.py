"""Facts: what an analysis reads from a locked plan besides the plan itself."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from aegis.app.config.settings import Settings
from aegis.app.study.rules import rules_of
from aegis.study.plan.calibration_table import read_tried
from aegis.study.plan.context import Facts
from aegis.study.plan.lockfile import Change, Locked
from aegis.study.plan.study_plan import StudyPlan

STRONG = "strong"
"""The policy that helps; a placebo arm hands over to another one."""
Numbers = Mapping[str, float]


def facts_of(locked: Locked, plan: StudyPlan, root: Path, changes: Sequence[Change] = ()) -> Facts:
    """Returns what an analysis needs.

    Args:
        locked: The locked plan.
        plan: What it decides.
        root: Run folder; has the calibration episodes.
        changes: What differs from when the plan was locked, for the reader.
    """
    settings = Settings(locked.tree)
    calibrated = settings.level("calibrated")
    dials = cast("Mapping[str, Mapping[str, float | str]]", calibrated.node("dials"))
    detectors = cast("Mapping[str, Numbers]", calibrated.node("detectors"))
    arms = settings.level("arms")
    read = rules_of(locked)
    helped = [arm for arm in read if arms.level(arm).text("strong") == STRONG]
    first = next(iter(detectors), "probe")
    alarm = read[plan.published].score if plan.published in read else first
    gate = arms.level(plan.published).node("gate")
    known = detectors.get(alarm, {})
    return Facts(
        name=settings.text("name"),
        arms=tuple(arms.names()),
        horizon=calibrated.integer("horizon", 1),
        detector=read[plan.recommended].score if plan.recommended in read else first,
        alarm=alarm,
        threshold=_number(gate.get("threshold"), known.get("threshold", math.nan)),
        guard=_number(gate.get("guard_fraction"), known.get("guard", 0.0)),
        false_alarms=known.get("alpha", math.nan),
        scored=tuple(sorted(helped, key=lambda arm: arm not in (plan.published, plan.recommended))),
        duty_target={arm: float(dial["target"]) for arm, dial in dials.items()},
        duty_calibration={arm: float(dial["duty"]) for arm, dial in dials.items()},
        settings={arm: f"{dial['key']} {dial['setting']}" for arm, dial in dials.items()},
        tried=read_tried(root),
        lock={"file": locked.digest, **locked.digests},
        notes=_changed(changes),
    )


def _changed(changes: Sequence[Change]) -> tuple[str, ...]:
    if not changes:
        return ()
    names = ", ".join(change.name for change in changes)
    return (
        f"Analysed by other code or versions than the plan was locked with: {names}. The tables "
        "are as sealed; aegis study verify tells whether they can be played again.",
    )


def _number(value: object, otherwise: float) -> float:
    return float(value) if isinstance(value, int | float) else otherwise
