"""Places: ranges that hold numbers, and labels that keep apart."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence


def find_range(
    values: Iterable[float], least: float = 0.0, room: float = 0.06, within: Sequence[float] = ()
) -> tuple[float, float]:
    """Returns a range that holds all numbers with some room.

    Args:
        values: Numbers; those that are not finite are passed over.
        least: Smallest width of the range.
        room: Share of the width that is added on both sides.
        within: Bounds that the range never leaves.
    """
    known = [value for value in values if math.isfinite(value)] or [0.0]
    low, high = min(known), max(known)
    pad = max(room * (high - low), (least - (high - low)) / 2, 1e-9 * max(1.0, abs(low), abs(high)))
    low, high = low - pad, high + pad
    return (max(low, within[0]), min(high, within[1])) if within else (low, high)


def spread_places(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Returns places near the wanted ones that are at least ``gap`` apart.

    Places keep their order; if there is no room for all, they are spaced evenly.
    """
    order = sorted(range(len(wanted)), key=lambda i: (wanted[i], i))
    if not order:
        return []
    gap = min(gap, (high - low) / max(1, len(order) - 1)) if len(order) > 1 else gap
    # Clusters of labels that touch are centred where they would like to be.
    groups: list[list[int]] = []
    tops: list[float] = []
    for i in order:
        groups.append([i])
        tops.append(min(max(wanted[i], low), high))
        while len(groups) > 1 and tops[-1] < tops[-2] + gap * len(groups[-2]) - 1e-9:
            groups[-2:] = [groups[-2] + groups[-1]]
            size = len(groups[-1])
            middle = sum(wanted[j] for j in groups[-1]) / size
            last = high - gap * (size - 1)
            tops[-2:] = [min(max(middle - gap * (size - 1) / 2, low), max(low, last))]
    placed = [0.0] * len(wanted)
    for group, top in zip(groups, tops, strict=True):
        for rank, i in enumerate(group):
            placed[i] = top + gap * rank
    return placed
