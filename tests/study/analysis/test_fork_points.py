"""Forks and oracle: known rates, and an oracle that no other choice of timing beats."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aegis.records.rows import EpisodeRow
from aegis.study.analysis.fork_points import describe_forks
from aegis.study.analysis.oracle import estimate_oracle_gap, make_oracle_rows
from aegis.study.outcomes import Outcomes
from tests.study.rows import HORIZON, row, rows


def make_forks(weak: str, at: dict[int, str], reseed: str = "") -> list[EpisodeRow]:
    found = rows("weak", weak)
    for k, outcomes in at.items():
        for i, c in enumerate(outcomes):
            found.append(row(f"strong_at_{k:03d}", i, c == "1", strong=HORIZON - k, handover=k))
    return found + [row("reseed_at_010", i, c == "1", strong=30) for i, c in enumerate(reseed)]


def test_rates_at_a_tick() -> None:
    (point,) = describe_forks(
        make_forks("00001111", {10: "11100111"}, reseed="10000111"), "weak", draws=50
    )
    assert (point.k, point.n) == (10, 8)
    assert (point.failing.count, point.failing.of) == (4, 8)
    assert (point.recovers.count, point.recovers.of) == (3, 4)
    assert (point.disrupts.count, point.disrupts.of) == (1, 4)
    assert (point.reseeded.count, point.reseeded.of) == (1, 4)
    assert point.advantage.value == pytest.approx(2 / 8)
    assert point.pays  # p = .5 > .25 / (.75 + .25)


def test_help_that_harms_more_does_not_pay() -> None:
    (point,) = describe_forks(make_forks("01111111", {10: "11000111"}), "weak")
    assert not point.pays  # p = 1/8 < (3/7) / (1 + 3/7)
    assert np.isnan(point.advantage.value)  # the weak policy was not tried again


def test_episodes_that_had_ended_are_left_out() -> None:
    episodes = make_forks("0101", {10: "1111", 30: "1111"})
    short = [
        r if r.success is False or r.arm != "weak" else row("weak", 1, True, steps=20)
        for r in episodes
    ]
    early, late = describe_forks(
        [r for r in short if r.arm != "weak" or r.task == 0] + short[1:2], "weak"
    )
    assert (early.n, late.n) == (3, 2)


def measure_duty(found: tuple[EpisodeRow, ...]) -> float:
    return sum(r.strong_steps for r in found) / sum(r.steps for r in found)


@settings(max_examples=40, deadline=None)
@given(
    st.text("01", min_size=5, max_size=5),
    st.text("01", min_size=5, max_size=5),
    st.text("01", min_size=5, max_size=5),
    st.floats(0.05, 0.95),
)
def test_no_choice_of_timing_within_the_budget_solves_more(
    weak: str, early: str, late: str, budget: float
) -> None:
    forks = make_forks(weak, {5: early, 30: late})
    found = make_oracle_rows(forks, "weak", budget, "oracle")
    assert {r.arm for r in found} == {"oracle"}
    assert measure_duty(found) <= budget + 1e-9
    options = [[r for r in forks if r.key == unit.key] for unit in found]
    best = max(
        sum(r.success for r in choice)
        for choice in product(*options)
        if measure_duty(choice) <= budget + 1e-9
    )
    # A unit more may fit where the budget ends inside the last one: that is all it can miss.
    assert best - 1 <= sum(r.success for r in found) <= best


def test_a_budget_for_all_costs_no_more_than_it_must() -> None:
    found = make_oracle_rows(make_forks("0011", {5: "1111", 30: "1010"}), "weak", 0.9, "oracle")
    assert [r.success for r in found] == [True] * 4
    assert sorted(r.strong_steps for r in found) == [0, 0, 10, 35]


def test_gap_is_the_share_of_the_way() -> None:
    episodes = rows("random", "0000000001") + rows("ours", "0000011111")
    episodes += rows("oracle", "0111111111")
    outcomes = Outcomes.from_rows(episodes, ("random", "ours", "oracle"))
    found = estimate_oracle_gap(outcomes, "ours", "random", "oracle", draws=200)
    assert found.closed.value == pytest.approx(4 / 8)
    assert found.closed.ci.low < 0.5 < found.closed.ci.high
    same = Outcomes.from_rows([r for r in episodes if r.arm == "random"], ("random",))
    assert np.isnan(estimate_oracle_gap(same, "random", "random", "random", draws=20).closed.value)
