"""Ticks are round, places are where numbers are, labels do not touch."""

from __future__ import annotations

import math
from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from aegis.report.axis import Scale, reach, spread, ticks

NUMBERS = st.floats(-1e3, 1e3)


@given(NUMBERS, st.floats(1e-3, 1e3), st.integers(2, 9))
def test_ticks_lie_within(low: float, span: float, about: int) -> None:
    found = ticks(low, low + span, about)
    assert len(found) <= about + 1
    steps = {round(b - a, 9) for a, b in pairwise(found)}
    assert len(steps) <= 1
    assert all(low - 1e-6 * span <= tick <= low + span * (1 + 1e-6) for tick in found)


def test_known_ticks() -> None:
    assert ticks(0, 1) == (0, 0.2, 0.4, 0.6, 0.8, 1.0)
    assert ticks(3, 3) == (3,)
    assert ticks(math.nan, 1) == ()


@given(NUMBERS, NUMBERS)
def test_places_are_in_order_and_in_the_panel(a: float, b: float) -> None:
    scale = Scale(-500.0, 500.0, 10.0, 90.0)
    assert (a < b) <= (scale(a) <= scale(b))
    assert 10 <= scale(a) <= 90
    assert math.isnan(scale(math.nan))


@given(st.lists(st.floats(0, 300), max_size=16), st.floats(1, 30))
@example([5.0, 5.0, 5.0], 17.0)
@example([300.0] * 16, 17.0)
def test_labels_keep_apart(wanted: list[float], gap: float) -> None:
    found = spread(wanted, gap, 0.0, 300.0)
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
    assert spread(apart, 20.0, 0.0, 300.0) == apart


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=5))
@example([math.nan])
@example([])
def test_ranges_hold_what_is_known(values: list[float]) -> None:
    values = [value for value in values if not math.isfinite(value) or abs(value) < 1e9]
    low, high = reach(values)
    assert math.isfinite(low)
    assert low < high
    assert all(low <= value <= high for value in values if math.isfinite(value))
