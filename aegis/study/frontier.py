"""Frontier: success against duty of all gates and settings that were played."""

from __future__ import annotations

import numpy as np

from aegis.core.seeds import stream
from aegis.core.types import F64
from aegis.stats.differences import ratio
from aegis.stats.resample import Sample
from aegis.study.facts import Facts, Setting
from aegis.study.outcomes import Outcomes, share
from aegis.study.result import ArmResult, Estimate, FrontierPoint


def frontier(arms: tuple[ArmResult, ...], facts: Facts) -> tuple[FrontierPoint, ...]:
    """Returns a point per arm on test units, then one per setting tried on calibration units.

    Args:
        arms: The arms of the study.
        facts: Their settings in words, and what was tried.
    """
    played = [
        FrontierPoint(arm.name, facts.settings.get(arm.name, "as locked"), arm.duty, arm.success)
        for arm in arms
    ]
    return (*played, *(_tried(setting, facts.draws) for setting in facts.tried))


def _tried(setting: Setting, draws: int) -> FrontierPoint:
    arm = setting.rows[0].arm
    outcomes = Outcomes.of(setting.rows, [arm])
    columns: F64 = np.column_stack([outcomes.strong[arm], outcomes.steps[arm]])
    rng = stream(outcomes.root, "study", "frontier", setting.gate, setting.words)
    found = ratio(Sample.of(columns, outcomes.task, outcomes.start), rng, draws=draws)
    return FrontierPoint(
        gate=setting.gate,
        setting=f"{setting.words}, on calibration units",
        duty=Estimate(found.value, found.interval),
        success=share(outcomes.success[arm]),
    )
