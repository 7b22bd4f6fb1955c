"""Rules: which score an arm of a locked plan reads, and above what it hands over."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

import numpy as np

from aegis.app.config.settings import Settings
from aegis.report.tables import Rule
from aegis.study.plan.dials import ConfigNode, has_two_scores
from aegis.study.plan.lockfile import LockedPlan


def read_rules(locked: LockedPlan) -> dict[str, Rule]:
    """Returns the rules of the arms that hand over on a score; others have none.

    A gate that names no score reads the worst of all; it is shown with the first. One that reads
    risk and rescue is shown, and judged, with the risk, and without a threshold.

    Args:
        locked: The locked plan.
    """
    settings = Settings(locked.tree)
    calibrated, arms = settings.level("calibrated"), settings.level("arms")
    horizon, scores = calibrated.integer("horizon", 1), calibrated.node("detectors")
    found = {}
    for name in arms.names():
        if scores and arms.level(name).flag("detect"):
            rule = read_rule(arms.level(name).node("gate"), horizon, str(next(iter(scores))))
            if rule is not None:
                found[name] = rule
    return found


def read_rule(gate: ConfigNode, horizon: int, first: str) -> Rule | None:
    """Returns what a gate looks at; None if it looks at no score.

    Args:
        gate: Its configuration.
        horizon: Longest episode [control steps].
        first: The score that is meant where it names none.
    """
    threshold = gate.get("threshold")
    if not isinstance(threshold, int | float):
        return None
    score, fraction = gate.get("score", gate.get("risk")), gate.get("guard_fraction")
    named = first if score is None else str(score)
    guard = math.ceil(horizon * fraction - 1e-9) if isinstance(fraction, int | float) else 0
    if has_two_scores(gate):
        return Rule(named, math.nan, guard)
    if not {"ticks", "recovery", "disruption"} <= set(gate):
        return Rule(named, float(threshold), guard)
    return Rule(named, math.nan, guard, _compute_risk_bar(gate, float(threshold), horizon))


def _compute_risk_bar(gate: ConfigNode, price: float, horizon: int) -> tuple[float, ...]:
    """Returns the risk above which an expected gain exceeds its price, tick by tick.

    p r(k) - (1 - p) d > price, solved for p; NaN where no risk is high enough.
    """
    ticks, recovery = (cast("Sequence[float]", gate[name]) for name in ("ticks", "recovery"))
    ruin = cast("float", gate["disruption"])
    gain = np.interp(np.arange(horizon), ticks, recovery) + ruin
    with np.errstate(divide="ignore", invalid="ignore"):
        risk = (price + ruin) / gain
    return tuple(float(value) if value <= 1 else math.nan for value in risk)
