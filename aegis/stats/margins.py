"""What published margins say about a paired test whose cells were not published.

"65 against 30 recoveries of 646" fixes the margins of the paired table, not how many units both
arms recovered, and the p-value of McNemar's test depends on that overlap.
"""

from __future__ import annotations

from dataclasses import dataclass

from aegis.core.errors import ShapeError
from aegis.stats.paired_outcome import PairedOutcome


@dataclass(frozen=True, slots=True)
class MarginRange:
    """All paired tables with given margins.

    Attributes:
        tables: From the smallest overlap to the largest.
        low: Smallest exact one-sided p-value among them.
        high: Largest one.
    """

    tables: tuple[PairedOutcome, ...]
    low: float
    high: float

    def nearest_table(self, p: float) -> PairedOutcome:
        """Returns the table whose p-value is nearest to a published one, as a ratio."""
        return min(self.tables, key=lambda t: max(t.mcnemar_p() / p, p / t.mcnemar_p()))

    def tables_between(self, low: float, high: float) -> tuple[PairedOutcome, ...]:
        """Returns the tables whose p-value lies in a range, for example what rounds to 8.5e-6."""
        return tuple(table for table in self.tables if low <= table.mcnemar_p() <= high)


def mcnemar_range(recovered_a: int, recovered_b: int, n: int) -> MarginRange:
    """Returns all paired tables, and their p-values, that two arms' recoveries allow.

    Args:
        recovered_a: Units that the first arm solved.
        recovered_b: Units that the second arm solved.
        n: Units that both tried, for example those that the reference failed.

    Raises:
        ShapeError: If an arm solved more than n units or fewer than none.
    """
    if not (0 <= recovered_a <= n and 0 <= recovered_b <= n):
        raise ShapeError(f"Need 0 <= recovered <= n. Got: {recovered_a}, {recovered_b} of {n}.")
    overlaps = range(max(0, recovered_a + recovered_b - n), min(recovered_a, recovered_b) + 1)
    tables = tuple(
        PairedOutcome(
            recovered=recovered_a - both,
            disrupted=recovered_b - both,
            both=both,
            neither=n - recovered_a - recovered_b + both,
        )
        for both in overlaps
    )
    p_values = [table.mcnemar_p() for table in tables]
    return MarginRange(tables, min(p_values), max(p_values))
