"""The board: tallies over complete units, and the steps that are left."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis.monitor.board import Board
from aegis.monitor.lengths import LengthEstimate
from tests.monitor.story import make_key, make_progress, make_row


@given(st.data(), st.integers(1, 12), st.integers(1, 4))
def test_units_count_in_order_whatever_ends_first(
    data: st.DataObject, units: int, arms: int
) -> None:
    names = [f"arm{i}" for i in range(arms)]
    board = Board("arm0")
    board.open_run(units * arms, 0, names)
    pairs = [(i, name) for i in range(units) for name in names]
    for i, name in pairs:
        board.add_progress(make_progress(make_key(i), name, 0, 0.1))
    over: set[tuple[int, str]] = set()
    for i, name in data.draw(st.permutations(pairs)):
        board.add_episode(make_row(make_key(i), name, i % 2 == 0, 100 + i))
        over.add((i, name))
        whole = [all((j, arm) in over for arm in names) for j in range(units)]
        first = whole.index(False) if False in whole else units
        assert board.complete_units == first
        assert {tally.units for tally in board.tallies.values()} == {first}
        assert board.tallies[names[0]].successes == sum(j % 2 == 0 for j in range(first))
    assert board.estimate_steps_left() == 0.0


@given(st.lists(st.integers(1, 220), max_size=30), st.lists(st.integers(0, 219), max_size=10))
def test_what_is_left_lies_between_nothing_and_the_horizon(
    lengths: list[int], flights: list[int]
) -> None:
    estimate = LengthEstimate(220)
    for steps in lengths:
        estimate.add_length(steps)
    left = estimate.estimate_left(flights, 3)
    assert -1e-6 <= left <= 3 * 220 + sum(220 - k for k in flights) + 1e-6
    if lengths:
        assert estimate.estimate_left((), 1) == pytest.approx(sum(lengths) / len(lengths))
    else:
        assert left == pytest.approx(3 * 220 + sum(220 - k for k in flights))


def test_early_successes_do_not_make_episodes_look_short() -> None:
    estimate = LengthEstimate(220)
    for _ in range(8):
        estimate.add_length(80)
    assert estimate.estimate_left((), 1) == pytest.approx(80)
    assert estimate.estimate_left([150] * 12, 0) == pytest.approx(12 * 70), "none ended after 150"


def test_tallies_pair_units_in_any_order() -> None:
    board = Board("weak")
    board.open_run(6, 0, ("weak", "aegis"))
    for unit, weak, aegis in ((0, False, True), (1, True, False), (2, True, True)):
        pair = [make_row(make_key(unit), "weak", weak), make_row(make_key(unit), "aegis", aegis)]
        for episode in pair if unit % 2 else reversed(pair):
            board.add_episode(episode)
    tally = board.tallies["aegis"]
    assert (tally.units, tally.recovered, tally.disrupted) == (3, 1, 1)
    assert board.tallies["weak"].recovered == 0
