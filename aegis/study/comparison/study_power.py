"""Study power: what a study of given size would find of the gain that a pilot lets expect."""

from __future__ import annotations

from dataclasses import dataclass

from aegis.core.errors import ShapeError
from aegis.stats.power import mcnemar_power, units_for_power
from aegis.study.comparison.switch_outcomes import SwitchOutcomes

POWER = 0.8
"""Power for which units are given."""


@dataclass(frozen=True, slots=True)
class StudyPower:
    """Power of the one-sided exact McNemar test of "switching solves more than the weak policy".

    Attributes:
        switch: What switches, in words.
        recovered, disrupted: Expected shares of units that only switching, or only the weak policy
            alone, solves.
        gain: Expected gain in success rate.
        units: Units of the study.
        power: Its power with them; NaN where the expectation is not known.
        units_80: Units for a power of 0.8; None if no number up to 20,000 suffices.
    """

    switch: str
    recovered: float
    disrupted: float
    gain: float
    units: int
    power: float
    units_80: int | None


def forecast_power(
    found: SwitchOutcomes, precision: float, recall: float, units: int, alpha: float
) -> tuple[StudyPower, ...]:
    """Returns the power for perfect alarms, for an expected detector, and for a blind switch.

    Args:
        found: The pilot.
        precision: Share of right alarms of the expected detector, in (0, 1].
        recall: Share of failures that it finds, in [0, 1].
        units: Units of the study.
        alpha: One-sided level.

    Raises:
        ShapeError: If precision or recall is out of range.
    """
    if not (0 < precision <= 1 and 0 <= recall <= 1):
        raise ShapeError(f"Need precision in (0, 1], recall in [0, 1]. Got: {precision}, {recall}.")
    n = found.units
    right = recall * (found.saved + found.lost)
    # Alarms in episodes that go well: as many as the precision says, and no more than there are.
    wrong = min(right * (1 - precision) / precision, found.ruined + found.kept)
    ruined = wrong * found.disruption.value if found.disruption.of else 0.0
    expected = {
        "alarms that are never wrong and miss nothing": (found.saved / n, 0.0),
        f"a detector of precision {precision:g} and recall {recall:g}": (
            recall * found.saved / n,
            ruined / n,
        ),
        "a blind switch in every episode": (found.saved / n, found.ruined / n),
    }
    return tuple(
        StudyPower(
            switch=name,
            recovered=better,
            disrupted=worse,
            gain=better - worse,
            units=units,
            power=mcnemar_power(better, worse, units, alpha),
            units_80=units_for_power(POWER, better, worse, alpha),
        )
        for name, (better, worse) in expected.items()
    )
