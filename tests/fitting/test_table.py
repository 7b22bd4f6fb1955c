"""The table of chunks: windows, splits and reductions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aegis.core.errors import CalibrationError, ShapeError, UnknownNameError
from aegis.fitting.table import join_tables
from tests.fitting.data import HORIZON, make_rollouts


def test_the_early_window_is_a_share_of_the_declared_horizon() -> None:
    early = make_rollouts().select_early(0.3)
    assert early.k.max() == 25
    assert early.episodes == make_rollouts().episodes


def test_split_keeps_start_states_together_and_loses_nothing() -> None:
    rows = make_rollouts(episodes=200)
    parts = rows.split_starts((0.5, 0.3, 0.2), root=1)
    assert sum(len(part.k) for part in parts) == len(rows.k)
    starts = [set(part.start) for part in parts]
    assert len(set.union(*starts)) == sum(len(part) for part in starts)
    assert [len(s) for s in starts] == pytest.approx([100, 60, 40], abs=25)


def test_adding_episodes_moves_no_start_to_another_part() -> None:
    few = make_rollouts().select_rows(make_rollouts().episode < 40).split_starts((0.5, 0.5), root=1)
    all_ = make_rollouts().split_starts((0.5, 0.5), root=1)
    assert set(few[0].start) <= set(all_[0].start)
    assert set(few[1].start) <= set(all_[1].start)


def test_reductions_against_a_plain_loop() -> None:
    rows = make_rollouts(episodes=12)
    values, mask = rows.features[:, 0].astype(float), rows.k >= 20
    for e in range(12):
        here = (rows.episode == e) & mask
        assert rows.reduce_by_episode(values, "max", mask)[e] == values[here].max()
        assert rows.reduce_by_episode(values, "mean", mask)[e] == pytest.approx(values[here].mean())


def test_unknown_rows_make_an_episode_unknown_and_no_rows_never_alarm() -> None:
    rows = make_rollouts(episodes=3)
    values = np.where(rows.episode == 1, np.nan, 0.0)
    got = rows.reduce_by_episode(values, "max", rows.episode != 2)
    np.testing.assert_array_equal(got, [0.0, np.nan, -np.inf])


def test_tables_put_together_keep_their_episodes_apart() -> None:
    one, two = make_rollouts("one", 6), make_rollouts("two", 5)
    both = join_tables([one, two])
    assert both.episodes == 11
    np.testing.assert_array_equal(
        both.episode_positives(), [*one.episode_positives(), *two.episode_positives()]
    )
    np.testing.assert_array_equal(both.features, np.concatenate([one.features, two.features]))
    assert join_tables([one]) is one
    with pytest.raises(CalibrationError, match="differ in policy_digest: 'd0' and 'd1'"):
        join_tables([one, make_rollouts("two", 5, digest="d1")])
    with pytest.raises(CalibrationError, match="no episodes to put together"):
        join_tables([])


def test_contradictions_are_refused() -> None:
    rows = make_rollouts(episodes=4)
    with pytest.raises(ShapeError, match="'k' must have"):
        replace(rows, k=rows.k[1:])
    wrong = rows.positive.copy()
    wrong[0] = not wrong[0]
    with pytest.raises(ShapeError, match="'positive' must be the same"):
        replace(rows, positive=wrong)
    with pytest.raises(CalibrationError, match="sum to 1"):
        rows.split_starts((0.5, 0.4), root=0)
    with pytest.raises(UnknownNameError, match="Allowed: max, mean"):
        rows.reduce_by_episode(np.zeros(len(rows.k)), "median")


def test_columns_are_read_only() -> None:
    with pytest.raises(ValueError, match="read-only"):
        make_rollouts().features[0] = 0
    assert make_rollouts().horizon == HORIZON
