"""Switch rule: whether switching from a weak policy to a strong one can pay, from a pilot.

An episode that is switched and would have failed gains r, the share of such episodes that a switch
saves; one that would have succeeded loses d, the share that a switch ruins. Of switches of which a
share q would have failed,

    gain per switch = q r - (1 - q) d,  which is positive if and only if  q > d / (r + d).

Episodes that have ended before the tick of the switch cannot be switched: p, r and d are shares of
the units that still run at that tick. A switch without knowledge, in every one of them, has q = p,
the weak policy's failure rate there: it pays only if p > d / (r + d). A detector that switches at
its alarms has its precision for q, so d / (r + d) is the precision that it needs. Whatever the
detector, it saves no more units than alarms that are never wrong and miss nothing: those that the
switch saved, p r of the units that still run, and a share s of all units.

The rule, on 95 % limits, fixed before anything is played:

- *switching can pay* if the lower limit of s is at least the gain that is asked for, and the
  upper limit of d / (r + d) is at most the precision that a detector is expected to have;
- *do not switch* if the upper limit of s is below that gain, or the lower limit of d / (r + d)
  is above that precision;
- else it cannot be told from so few units.

The limits of s are Clopper and Pearson's; those of d / (r + d) are made of theirs of r and d.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np

from aegis.core.errors import ShapeError
from aegis.core.seeds import root_stream
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

    def choose_answer(self, found: SwitchOutcomes) -> Answer:
        """Returns what a pilot says."""
        # The first is cheaper to tell, and mostly the one that decides.
        enough = self.gains_enough(found)
        little = None if enough is False else self.disrupts_little(found)
        if enough is False or little is False:
            return Answer.DO_NOT
        return Answer.CAN_PAY if enough and little else Answer.UNDECIDED


def size_pilot(found: SwitchOutcomes, rule: SwitchRule, root: int) -> int | None:
    """Returns the size of a pilot that would decide in four cases of five.

    Args:
        found: The pilot that was played.
        rule: What is asked.
        root: Root seed of the pilots that are drawn.

    Returns:
        A multiple of 50 units, more than were played; None if 2,000 are not enough.
    """

    def share_of_larger(n: int) -> float:
        return estimate_decided_share(found, rule, n, root) if n > found.units else 0.0

    return find_least_units(DECIDED, share_of_larger, step=_STEP, at_most=LARGEST_PILOT)


def estimate_decided_share(found: SwitchOutcomes, rule: SwitchRule, n: int, root: int) -> float:
    """Returns the share of pilots of a size that give a definite answer.

    Pilots are drawn with the shares that were found. Their address names the size, so that what is
    said of one size does not depend on which others were tried.

    Args:
        found: The pilot that was played.
        rule: What is asked.
        n: Units of the pilots that are drawn.
        root: Root seed.
    """
    shares = np.array(found.as_counts()) / found.units
    drawn = root_stream(root, "pilot", "size", n).multinomial(n, shares, size=_DRAWS)
    kinds, counts = np.unique(drawn, axis=0, return_counts=True)
    decided = [
        rule.choose_answer(SwitchOutcomes(*map(int, kind))) is not Answer.UNDECIDED
        for kind in kinds
    ]
    return float(counts @ np.array(decided)) / _DRAWS
