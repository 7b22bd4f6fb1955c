"""Sizing: how many units each planned contrast needs, from the rows of a pilot run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aegis.core.errors import PairingError
from aegis.records.rows import EpisodeRow
from aegis.stats.e_process import sequential_power, sequential_units
from aegis.stats.paired_outcome import PairedOutcome
from aegis.stats.power import find_least_units, mcnemar_power, noninferiority_power, units_for_power
from aegis.study.plan.study_plan import NONINFERIOR, PlannedContrast, StudyPlan


@dataclass(frozen=True, slots=True)
class ContrastSize:
    """What a contrast needs, if it is in truth as it was in the pilot.

    Attributes:
        arm, against, alternative: The contrast.
        pilot: Units of the pilot.
        recovered, disrupted: Shares of units that only the arm, or only the other, solved there.
        units_80, units_90: For a power of 0.8 and 0.9 at alpha; None if no number suffices.
        units_80_holm, units_90_holm: The same at alpha over the number of contrasts: Holm's worst
            case.
        planned: Units of the study.
        power, power_holm: With these, at either level.
        sequential: Power of the e-process with these units; None for non-inferiority.
        sequential_80: Units after which four sequential studies of five have stopped.
    """

    arm: str
    against: str
    alternative: str
    pilot: int
    recovered: float
    disrupted: float
    units_80: int | None
    units_90: int | None
    units_80_holm: int | None
    units_90_holm: int | None
    planned: int
    power: float
    power_holm: float
    sequential: float | None
    sequential_80: int | None


def size_contrasts(
    plan: StudyPlan, rows: Sequence[EpisodeRow], planned: int
) -> tuple[ContrastSize, ...]:
    """Sizes every planned contrast of which both arms were played in the pilot.

    Args:
        plan: The contrasts and their level.
        rows: Episodes of the pilot.
        planned: Units of the study.

    Raises:
        PairingError: If arms were not played on the same units.
    """
    played = {row.arm for row in rows}
    chosen = [c for c in plan.contrasts if {c.arm, c.against} <= played]
    return tuple(_size_contrast(plan, contrast, rows, planned) for contrast in chosen)


def _size_contrast(
    plan: StudyPlan, contrast: PlannedContrast, rows: Sequence[EpisodeRow], planned: int
) -> ContrastSize:
    arm, other = (
        {row.key: row.success for row in rows if row.arm == name}
        for name in (contrast.arm, contrast.against)
    )
    if set(arm) != set(other):
        raise PairingError(
            f"Arms '{contrast.arm}' and '{contrast.against}' of the pilot were not played on the "
            "same units. Finish it first."
        )
    cells = PairedOutcome.from_success(
        np.array([arm[key] for key in arm], bool), np.array([other[key] for key in arm], bool)
    )
    b, c = cells.recovered / len(arm), cells.disrupted / len(arm)
    worst = plan.alpha / len(plan.contrasts)
    margin = plan.margin if contrast.alternative == NONINFERIOR else None
    return ContrastSize(
        arm=contrast.arm,
        against=contrast.against,
        alternative=contrast.alternative,
        pilot=len(arm),
        recovered=b,
        disrupted=c,
        units_80=_units_needed(0.8, b, c, plan.alpha, margin),
        units_90=_units_needed(0.9, b, c, plan.alpha, margin),
        units_80_holm=_units_needed(0.8, b, c, worst, margin),
        units_90_holm=_units_needed(0.9, b, c, worst, margin),
        planned=planned,
        power=_contrast_power(b, c, planned, plan.alpha, margin),
        power_holm=_contrast_power(b, c, planned, worst, margin),
        sequential=None if margin is not None else sequential_power(b, c, planned, worst),
        sequential_80=None if margin is not None else sequential_units(0.8, b, c, worst),
    )


def _units_needed(
    goal: float, b: float, c: float, alpha: float, margin: float | None
) -> int | None:
    if margin is None:
        return units_for_power(goal, b, c, alpha)
    if b - c <= -margin:
        return None
    return find_least_units(goal, lambda n: _contrast_power(b, c, n, alpha, margin), step=50)


def _contrast_power(b: float, c: float, n: int, alpha: float, margin: float | None) -> float:
    if margin is None:
        return mcnemar_power(b, c, n, alpha)
    return noninferiority_power(b, c, n, margin, alpha)
