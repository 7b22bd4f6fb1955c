"""Rules: the score that an arm of a locked plan reads, and its threshold."""

from __future__ import annotations

import math
from typing import Any, cast

from aegis.app.config.composition import build_target
from aegis.app.config.settings import Settings
from aegis.app.study.prepared_study import compose_locked
from aegis.core.capabilities import ThresholdGate
from aegis.core.protocols import Gate
from aegis.gates.limits import WORST_SCORE, scores_read_by
from aegis.report.tables import Rule
from aegis.study.plan.lockfile import LockedPlan


def read_rules(locked: LockedPlan) -> dict[str, Rule]:
    """Returns the rules of the arms that hand over above a bar; others have none.

    A gate that names no score reads the worst of all and is shown with the first detector's. A
    gate that combines several scores is shown with the first of them, without a bar.

    Args:
        locked: The locked plan.
    """
    settings, composed = Settings(locked.tree), compose_locked(locked, {}, check=False)
    calibrated, arms = settings.level("calibrated"), settings.level("arms")
    horizon, detectors = calibrated.integer("horizon", 1), calibrated.node("detectors")
    rules = {}
    for name in arms.names():
        if detectors and arms.level(name).flag("detect"):
            gate = build_target(composed, f"arms.{name}.gate", arms.level(name).node("gate"))
            rule = describe_gate(cast("Gate[Any]", gate), horizon, str(next(iter(detectors))))
            if rule is not None:
                rules[name] = rule
    return rules


def describe_gate(gate: Gate[Any], horizon: int, default_score: str) -> Rule | None:
    """Returns the rule of a gate; None if it compares nothing with a bar.

    Args:
        gate: The gate.
        horizon: Longest episode [control steps].
        default_score: Score of a gate that names none.
    """
    if not isinstance(gate, ThresholdGate):
        return None
    reads = scores_read_by(gate)
    score = reads[0] if reads else default_score
    bars = [gate.bar(k, horizon) for k in range(horizon)]
    guard = next((k for k, bar in enumerate(bars) if not math.isnan(bar)), 0)
    if gate.quantity != (reads[0] if reads else WORST_SCORE):
        return Rule(score, math.nan, guard)
    if len(set(bars[guard:])) == 1:
        return Rule(score, bars[guard], guard)
    return Rule(score, math.nan, guard, tuple(bars))
