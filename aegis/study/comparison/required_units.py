"""Required units: how many units a difference of given size needs."""

from __future__ import annotations

from dataclasses import dataclass

from aegis.core.errors import ShapeError
from aegis.stats.paired_outcome import PairedOutcome
from aegis.stats.power import mcnemar_power, units_for_power


@dataclass(frozen=True, slots=True)
class RequiredUnits:
    """How many units it takes to find a difference by the two-sided exact McNemar test.

    It supposes that as large a share of units is discordant (solved by one policy only) as was
    here, and at least as large a share as the difference.

    Attributes:
        target: The difference in success rate.
        alpha: Two-sided level of the test.
        goal: Power that is asked for.
        discordant: Supposed share of discordant units.
        power: With the units that were played.
        units: Number of units for the power that is asked for; None if it is above 20,000.
        more: The same less those that were played, and not below 0.
    """

    target: float
    alpha: float
    goal: float
    discordant: float
    power: float
    units: int | None
    more: int | None


def require_units(
    outcome: PairedOutcome, target: float, alpha: float, goal: float
) -> RequiredUnits:
    """Returns how many units a difference needs.

    Args:
        outcome: The two policies on the units that were played.
        target: The difference in success rate, in (0, 1].
        alpha: Two-sided level.
        goal: Power.

    Raises:
        ShapeError: If there is no unit, or the target is out of range.
    """
    if not outcome.units or not 0 < target <= 1:
        raise ShapeError(
            f"Need units and a target in (0, 1]. Got: {outcome.units} units, target {target}."
        )
    discordant = max(target, (outcome.recovered + outcome.disrupted) / outcome.units)
    better, worse = (discordant + target) / 2, max(0.0, (discordant - target) / 2)
    # The two-sided test at alpha rejects in the direction of the difference at alpha / 2.
    units = units_for_power(goal, better, worse, alpha / 2)
    return RequiredUnits(
        target=target,
        alpha=alpha,
        goal=goal,
        discordant=discordant,
        power=mcnemar_power(better, worse, outcome.units, alpha / 2),
        units=units,
        more=None if units is None else max(0, units - outcome.units),
    )
