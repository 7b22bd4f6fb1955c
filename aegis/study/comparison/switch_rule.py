"""Switch rule: whether switching from a weak policy to a strong one can pay, from a pilot.

An episode that is switched and would have failed gains r, the share of such episodes that a switch
saves; one that would have succeeded loses d, the share that a switch ruins. Of switches of which a
share q would have failed,

    gain per switch = q r - (1 - q) d,  which is positive if and only if  q > d / (r + d).

A switch without knowledge, in every episode, has q = p, the weak policy's failure rate: it pays
only if p > d / (r + d). A detector that switches at its alarms has its precision for q, so
d / (r + d) is the precision that it needs. Whatever the detector, it saves no more units than
alarms that are never wrong and miss nothing: p r of them, those that the switch saved.

The rule, on exact 95 % limits, fixed before anything is played:

- *switching can pay* if the lower limit of p r is at least the gain that is asked for, and the
  upper limit of d / (r + d) is at most the precision that a detector is expected to have;
- *do not switch* if the upper limit of p r is below that gain, or the lower limit of d / (r + d)
  is above that precision;
- else it cannot be told from so few units.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np

from aegis.core.errors import ShapeError
from aegis.stats.power import find_least_units
from aegis.study.comparison.switch_outcomes import SwitchOutcomes

DECIDED = 0.8
"""Share of pilots of the recommended size that give one of the two definite answers."""
LARGEST_PILOT = 2000
_STEP, _DRAWS = 50, 200


class Answer(Enum):
    """What a pilot says."""

    CAN_PAY = "switching can pay"
    DO_NOT = "do not switch"
    UNDECIDED = "cannot be told from so few units"


@dataclass(frozen=True, slots=True)
class SwitchRule:
    """What is asked of a switch.

    Attributes:
        target: Gain in success rate that is worth the trouble, in (0, 1).
        precision: Share of right alarms that a detector is expected to have, in (0, 1).

    Raises:
        ShapeError: If one is out of range.
    """

    target: float
    precision: float

    def __post_init__(self) -> None:
        if not (0 < self.target < 1 and 0 < self.precision < 1):
            raise ShapeError(f"Target and precision must lie in (0, 1). Got: {self}.")

    def gains_enough(self, found: SwitchOutcomes) -> bool | None:
        """Says whether alarms that are never wrong gain what is asked for; None if unknown."""
        gain = found.perfect_gain.ci
        if gain.low >= self.target:
            return True
        return False if gain.high < self.target else None

    def disrupts_little(self, found: SwitchOutcomes) -> bool | None:
        """Says whether the expected precision is enough; None if unknown."""
        needed = found.needed_precision.ci
        if needed.high <= self.precision:
            return True
        return False if needed.low > self.precision else None

    def answer(self, found: SwitchOutcomes) -> Answer:
        """Returns what a pilot says."""
        # The first is cheaper to tell, and mostly the one that decides.
        enough = self.gains_enough(found)
        little = None if enough is False else self.disrupts_little(found)
        if enough is False or little is False:
            return Answer.DO_NOT
        return Answer.CAN_PAY if enough and little else Answer.UNDECIDED


def size_pilot(found: SwitchOutcomes, rule: SwitchRule, rng: np.random.Generator) -> int | None:
    """Returns the size of a pilot that would decide in four cases of five.

    Pilots are drawn with the shares that were found.

    Args:
        found: The pilot that was played.
        rule: What is asked.
        rng: Source of the draws.

    Returns:
        A multiple of 50 units, more than were played; None if 2,000 are not enough.
    """
    shares = np.array(found.as_counts()) / found.units

    def share_decided(n: int) -> float:
        drawn = rng.multinomial(n, shares, size=_DRAWS)
        kinds, counts = np.unique(drawn, axis=0, return_counts=True)
        decided = [
            rule.answer(SwitchOutcomes(*map(int, kind))) is not Answer.UNDECIDED for kind in kinds
        ]
        return float(counts @ np.array(decided)) / _DRAWS

    def share_of_larger(n: int) -> float:
        return share_decided(n) if n > found.units else 0.0

    return find_least_units(DECIDED, share_of_larger, step=_STEP, at_most=LARGEST_PILOT)
