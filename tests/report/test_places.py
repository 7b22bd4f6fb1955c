"""Ranges hold their numbers, labels do not touch."""

from __future__ import annotations

import math
from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from aegis.report.figures.places import find_range, spread_places


@given(st.lists(st.floats(0, 300), max_size=16), st.floats(1, 30))
@example([5.0, 5.0, 5.0], 17.0)
@example([300.0] * 16, 17.0)
def test_labels_keep_apart(wanted: list[float], gap: float) -> None:
    found = spread_places(wanted, gap, 0.0, 300.0)
    assert len(found) == len(wanted)
    room = min(gap, 300 / max(1, len(wanted) - 1))
    placed = sorted(found)
    assert all(b - a >= room - 1e-6 for a, b in pairwise(placed))
    assert all(-1e-6 <= place <= 300 + 1e-6 for place in found)
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    assert [found[i] for i in order] == sorted(found) or len(set(wanted)) < len(wanted)


@given(st.lists(st.floats(0, 250), max_size=6, unique_by=lambda x: round(x / 40)))
def test_labels_with_room_stay(wanted: list[float]) -> None:
    apart = [x for i, x in enumerate(sorted(wanted)) if i == 0 or x - sorted(wanted)[i - 1] >= 20]
    assert spread_places(apart, 20.0, 0.0, 300.0) == apart


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=5))
@example([math.nan])
@example([])
def test_ranges_hold_what_is_known(values: list[float]) -> None:
    values = [value for value in values if not math.isfinite(value) or abs(value) < 1e9]
    low, high = find_range(values)
    assert math.isfinite(low)
    assert low < high
    assert all(low <= value <= high for value in values if math.isfinite(value))
