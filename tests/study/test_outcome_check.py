"""Outcome check: sound rounding passes, a bias is found, and the planned sample finds 3 points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import mcnemar

from aegis.core.types import Bools
from aegis.records.rows import EpisodeRow
from aegis.study.outcome_check import (
    ARMS_LEVEL,
    PLANNED_SPREAD,
    SOUGHT_DIFFERENCE,
    WHOLE_LEVEL,
    OutcomeAgreement,
    check_outcomes,
    plan_sample,
)
from tests.study.rows import row as make_row

ARMS = ("weak", "rescue", "strong")


def _build_rows(success: Bools) -> list[EpisodeRow]:
    """Returns rows of outcomes, shape (units, arms)."""
    return [
        make_row(arm, unit, bool(success[unit, i]))
        for unit in range(len(success))
        for i, arm in enumerate(ARMS)
    ]


def _play_twice(
    units: int, rng: np.random.Generator, flip: float, gain: float = 0.0
) -> tuple[list[EpisodeRow], list[EpisodeRow]]:
    """Returns outcomes, and the same with a share thrown anew and some failures won."""
    hard = rng.random((units, 1))
    then = rng.random((units, len(ARMS))) > hard
    anew = rng.random((units, len(ARMS))) > hard
    now = np.where(rng.random(then.shape) < flip, anew, then)
    now |= rng.random(then.shape) < gain
    return _build_rows(then), _build_rows(now)


def test_rows_that_are_equal_agree() -> None:
    rows, _ = _play_twice(20, np.random.default_rng(0), 0.3)
    found = OutcomeAgreement.from_rows(rows, rows)
    assert (found.equal, found.only_recorded, found.only_again, found.p) == (60, 0, 0, 1.0)
    assert all(check.passed for check in check_outcomes(found))


@given(seed=st.integers(0, 2**32 - 1), units=st.integers(1, 40))
def test_counts_add_up_and_the_sides_may_be_changed(seed: int, units: int) -> None:
    stored, again = _play_twice(units, np.random.default_rng(seed), 0.4)
    one, other = (
        OutcomeAgreement.from_rows(stored, again),
        OutcomeAgreement.from_rows(again, stored),
    )
    assert one.equal + one.only_recorded + one.only_again == one.episodes == units * len(ARMS)
    assert (one.only_recorded, one.only_again) == (other.only_again, other.only_recorded)
    assert one.p == pytest.approx(other.p, rel=1e-12)
    assert 0 <= one.p <= 1
    assert all(0 <= p <= 1 for p in one.p_arms.values())


@given(seed=st.integers(0, 2**32 - 1), units=st.integers(1, 40))
def test_with_one_arm_it_is_mcnemars_exact_test(seed: int, units: int) -> None:
    pairs = _play_twice(units, np.random.default_rng(seed), 0.5)
    stored, again = ([row for row in rows if row.arm == "rescue"] for rows in pairs)
    found = OutcomeAgreement.from_rows(stored, again)
    table = [[0, found.only_recorded], [found.only_again, 0]]
    assert found.p == pytest.approx(mcnemar(table, exact=True).pvalue, rel=1e-9)
    assert found.p_arms == {"rescue": pytest.approx(found.p)}


def test_sound_studies_fail_once_in_twenty_at_most() -> None:
    rng = np.random.default_rng(1)
    failed = sum(_is_refused(*_play_twice(60, rng, 0.3)) for _ in range(200))
    # 0.05 of 200 are 10; 20 and more have a probability of 0.003.
    assert failed < 20


def test_a_machine_that_solves_more_is_found() -> None:
    stored, again = _play_twice(400, np.random.default_rng(2), 0.3, gain=0.15)
    whole, _ = check_outcomes(OutcomeAgreement.from_rows(stored, again))
    assert not whole.passed
    assert f"below {WHOLE_LEVEL}" in whole.detail


def test_rows_of_one_arm_that_were_edited_are_found() -> None:
    stored, again = _play_twice(300, np.random.default_rng(3), 0.05)
    edited = [replace(row, success=True) if row.arm == "rescue" else row for row in stored]
    found = OutcomeAgreement.from_rows(edited, again)
    _, arms = check_outcomes(found)
    assert not arms.passed
    assert arms.detail.startswith("rescue: p = ")
    assert found.p_arms["weak"] > ARMS_LEVEL


def test_the_planned_sample_finds_the_difference_that_is_sought() -> None:
    units = plan_sample(10**9)
    planned = OutcomeAgreement(units, units, units, 0, 0, 1.0, {}, PLANNED_SPREAD)
    assert planned.found_difference <= SOUGHT_DIFFERENCE
    fewer = replace(planned, units=units - 1)
    assert fewer.found_difference > SOUGHT_DIFFERENCE
    assert plan_sample(7) == 7


def test_power_is_what_is_said() -> None:
    """A difference of the size that a sample is said to find is found four times in five."""
    rng, hits, rounds, units, parted = np.random.default_rng(4), 0, 200, 400, 0.2
    even = OutcomeAgreement(units, units, units, 0, 0, 1.0, {}, spread=parted**0.5)
    won = (parted + even.found_difference) / 2
    for _ in range(rounds):
        draw = rng.random((units, 1))
        then, now = (draw >= won) & (draw < parted), draw < won
        hits += OutcomeAgreement.from_rows(_one_arm(then), _one_arm(now)).p < WHOLE_LEVEL
    # An exact test of counts is a little below its level, so that some less than 0.8 are found.
    assert 0.68 < hits / rounds < 0.9


def _one_arm(success: Bools) -> list[EpisodeRow]:
    return [make_row("rescue", unit, bool(won[0])) for unit, won in enumerate(success)]


def _is_refused(stored: Sequence[EpisodeRow], again: Sequence[EpisodeRow]) -> bool:
    checks = check_outcomes(OutcomeAgreement.from_rows(stored, again))
    return not all(check.passed for check in checks)
