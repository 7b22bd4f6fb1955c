"""Matching: known answers, and what is never done whatever duty does."""

from __future__ import annotations

import math
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis.core.errors import CalibrationError
from aegis.study.plan.search import (
    DialValue,
    SearchGoal,
    SearchTrial,
    Spending,
    search_setting,
    select_nearest,
)
from tests.study.rows import row

AIM = SearchGoal(duty=0.36, at_most=0.38, tolerance=0.01, tries=8)


def test_falling_and_rising_duty_are_found() -> None:
    ticks = tuple(range(0, 220, 5))
    late = search_setting(AIM, ticks, False, lambda t: Spending(0.7 * (1 - t / 220) ** 2, 0.5))
    assert select_nearest(AIM, late, "late").duty == pytest.approx(0.36, abs=0.011), (
        "chunks are coarse"
    )
    rates = tuple(i / 1000 for i in range(1, 1001))
    coin = search_setting(AIM, rates, True, lambda rate: Spending(0.6 * rate**0.5, 0.5))
    assert coin[-1].duty == pytest.approx(0.36, abs=0.01)
    assert len(coin) < 8, "a good try ends the search"


def test_a_rate_under_a_guard_and_a_cap_takes_few_tries() -> None:
    """Duty bends: it hardly rises at first, then fast, and never reaches the top."""
    rates = tuple(round(10 ** (-2.7 + 0.02 * i), 6) for i in range(136))
    for duty in (0.2, 0.3, 0.36, 0.45):
        aim = SearchGoal(duty, 1.0, 0.012, 6)
        found = search_setting(
            aim, rates, True, lambda r: Spending(0.65 * 8 * r / (1 + 8 * r), 0.5)
        )
        assert abs(select_nearest(aim, found, "random").duty - duty) <= 0.012, duty


@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=40, unique=True),
    st.booleans(),
    st.integers(1, 9),
    st.floats(0.05, 0.95),
    st.none() | st.lists(st.floats(0, 1) | st.just(math.nan), min_size=40, max_size=40),
)
def test_every_try_is_on_the_grid_and_none_is_made_twice(
    duties: list[float],
    rising: bool,
    tries: int,
    duty: float,
    guesses: list[float] | None,
) -> None:
    ordered = sorted(duties, reverse=not rising)
    seen: list[DialValue] = []

    def evaluate(setting: DialValue) -> Spending:
        seen.append(setting)
        return Spending(ordered[int(setting)], 0.5)

    aim = SearchGoal(duty, 1.0, 0.0, tries)
    expect = None if guesses is None else lambda setting: guesses[int(setting)]
    found = search_setting(aim, range(len(ordered)), rising, evaluate, expect)
    assert [one.setting for one in found] == seen
    assert len(seen) == len(set(seen)) <= tries
    best = select_nearest(aim, found, "ours")
    assert all(abs(best.duty - duty) <= abs(one.duty - duty) for one in found)


SHARES = st.lists(st.floats(0, 1), min_size=101, max_size=101)


@given(st.integers(0, 200), st.none() | SHARES)
def test_with_enough_tries_the_nearest_of_all_is_a_neighbour_of_what_was_found(
    place: int, guesses: list[float] | None
) -> None:
    """A monotone duty is bracketed down to neighbours, so nothing better lies elsewhere."""
    duty = place / 200
    aim = SearchGoal(min(max(duty, 0.01), 0.99), 1.0, 0.0, 200)
    expect = None if guesses is None else lambda at: guesses[int(at)]
    found = search_setting(aim, range(101), True, lambda at: Spending((at / 100) ** 2, 0.5), expect)
    best = select_nearest(aim, found, "ours")
    assert abs(best.duty - aim.duty) == min(abs((i / 100) ** 2 - aim.duty) for i in range(101))


@given(st.floats(0.05, 0.4), st.floats(0.5, 2.0), st.lists(st.floats(0, 1), min_size=200))
def test_an_expectation_that_is_off_by_a_factor_takes_two_tries(
    duty: float, factor: float, steps: list[float]
) -> None:
    """The first tries what is expected to be right, the second scales by what came of it."""
    curve = [total / (sum(steps) + 1) for total in accumulate(steps)]
    finest = max(late - early for early, late in zip([0.0, *curve], curve, strict=False))
    aim = SearchGoal(duty, 1.0, 4 * finest + 1e-9, 8)

    def evaluate(at: DialValue) -> Spending:
        return Spending(factor * curve[int(at)], 0.5)

    found = search_setting(aim, range(len(curve)), True, evaluate, lambda at: curve[int(at)])
    reach = 0.99 * curve[-1] * min(factor, 1.0)
    if duty < reach:
        assert len(found) <= 2


def test_too_much_is_never_chosen_however_near() -> None:
    tries = (SearchTrial(1, 0.30, 0.5), SearchTrial(2, 0.381, 0.5))
    assert select_nearest(AIM, tries, "ours").setting == 1
    with pytest.raises(CalibrationError, match=r"'ours'.*0\.380 or below.*0\.381, at 2"):
        select_nearest(AIM, tries[1:], "ours")


def test_no_setting_is_said() -> None:
    with pytest.raises(CalibrationError, match="no settings to try"):
        search_setting(AIM, (), True, lambda _: Spending(0.1, 0.5))


def test_spending_counts_steps_not_episodes() -> None:
    short, long = row("a", 0, True, strong=10, steps=10), row("a", 1, False, strong=0, steps=90)
    spent = Spending.from_rows([short, long])
    assert (spent.duty, spent.success) == (0.1, 0.5)
    assert Spending.from_rows([]) == Spending(0.0, 0.0)
