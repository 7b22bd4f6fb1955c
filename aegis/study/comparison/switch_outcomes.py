"""Switch outcomes: units by what the weak policy does alone, and what a switch makes of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aegis.core.errors import ShapeError
from aegis.core.types import Bools
from aegis.stats.intervals import Interval
from aegis.stats.paired_outcome import PairedOutcome
from aegis.study.estimates import Estimate, Share, compute_exact_share


@dataclass(frozen=True, slots=True)
class SwitchOutcomes:
    """Units by the weak policy alone and by a switch to the strong one at a fixed tick [units].

    Attributes:
        saved: Weak fails, the switch solves.
        lost: Weak fails, and so does the switch; units that had failed before the tick are not
            among them.
        ruined: Weak solves, the switch fails.
        kept: Weak solves, and so does the switch; units that were solved before the tick are not
            among them.
        ended_solved, ended_failed: Units that had ended before the tick.

    Raises:
        ShapeError: If a count is negative.
    """

    saved: int
    lost: int
    ruined: int
    kept: int
    ended_solved: int = 0
    ended_failed: int = 0

    def __post_init__(self) -> None:
        if min(self.as_counts()) < 0:
            raise ShapeError(f"Counts must not be negative. Got: {self}.")

    @classmethod
    def from_success(cls, weak: Bools, switched: Bools, running: Bools) -> SwitchOutcomes:
        """Counts units.

        Args:
            weak: Success of the weak policy alone. Shape (n,).
            switched: Success with the switch, on the same units. Shape (n,).
            running: Whether the weak policy's episode was still running at the tick. Shape (n,).

        Raises:
            ShapeError: If the shapes differ.
        """
        x, y, on = (np.asarray(part, bool) for part in (weak, switched, running))
        if x.ndim != 1 or not x.shape == y.shape == on.shape:
            raise ShapeError(
                f"Need vectors over the same units. Got: {[x.shape, y.shape, on.shape]}."
            )
        cells = (~x & y & on, ~x & ~y & on, x & ~y & on, x & y & on, x & ~on, ~x & ~on)
        return cls(*(int(cell.sum()) for cell in cells))

    def as_counts(self) -> tuple[int, ...]:
        """Returns the six counts in their order."""
        return (self.saved, self.lost, self.ruined, self.kept, self.ended_solved, self.ended_failed)

    @property
    def units(self) -> int:
        """Number of units."""
        return sum(self.as_counts())

    @property
    def failing(self) -> Share:
        """Failure rate of the weak policy among the units still running at the tick: p."""
        failed = self.saved + self.lost
        return compute_exact_share(failed, failed + self.ruined + self.kept)

    @property
    def recovery(self) -> Share:
        """Share of what the weak policy goes on to fail that the switch solves: r."""
        return compute_exact_share(self.saved, self.saved + self.lost)

    @property
    def disruption(self) -> Share:
        """Share of what the weak policy goes on to solve that the switch fails: d."""
        return compute_exact_share(self.ruined, self.ruined + self.kept)

    @property
    def perfect_gain(self) -> Share:
        """Share of all units that alarms which are never wrong would save: those saved."""
        return compute_exact_share(self.saved, self.units)

    @property
    def paired(self) -> PairedOutcome:
        """The blind switch against the weak policy alone, over all units."""
        return PairedOutcome(
            recovered=self.saved,
            disrupted=self.ruined,
            both=self.kept + self.ended_solved,
            neither=self.lost + self.ended_failed,
        )

    @property
    def needed_precision(self) -> Estimate:
        """Precision above which switching pays: d / (r + d).

        Its limits are those of r and d at their exact 95 % limits, each the worse way round, so
        that each covers at least 95 % of pilots. It is NaN, in [0, 1], where a switch changes
        nothing.
        """
        r, d = self.recovery, self.disruption
        return Estimate(
            _divide(d.value, r.value + d.value),
            Interval(
                _divide(d.ci.low, r.ci.high + d.ci.low), _divide(d.ci.high, r.ci.low + d.ci.high)
            ),
        )


def _divide(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")
