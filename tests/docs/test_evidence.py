"""What the pages of results recompute: known answers, bounds, and the committed studies."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from scripts.pages.boosted import PAIRS, measure_boosted
from scripts.pages.evidence import (
    BLIND,
    difference_of_tasks,
    difference_of_units,
    fit_schedule,
    judge_schedule,
    measure_gap,
)
from scripts.pages.study_rows import Plays, StudyRows, read_report, read_rows


def test_tasks_as_random_is_the_one_sample_t_interval() -> None:
    rng = np.random.default_rng(3)
    task = np.repeat(np.arange(10), 20)
    difference = rng.integers(-1, 2, 200).astype(np.float64)
    means = difference.reshape(10, 20).mean(axis=1)
    known = stats.ttest_1samp(means, 0.0).confidence_interval(0.95)
    found = difference_of_tasks(difference, task)
    assert (found.low, found.high) == pytest.approx((known.low, known.high))


def test_a_difference_that_is_the_same_everywhere_has_no_width() -> None:
    task = np.repeat(np.arange(4), 5)
    for measure in (difference_of_tasks, difference_of_units):
        found = measure(np.full(20, 0.25), task)
        assert (found.value, found.low, found.high) == pytest.approx((0.25, 0.25, 0.25))


def two_tasks() -> StudyRows:
    """Help solves task 1 and nothing else; it takes half of the steps of all units."""
    task = np.repeat([0, 1], 10)
    steps = np.full(20, 100.0)
    idle = Plays(np.zeros(20), steps, np.zeros(20))
    help_ = Plays((task == 1).astype(np.float64), steps, np.full(20, 50.0))
    return StudyRows(task, np.tile(np.arange(10), 2), {"idle": idle, "help": help_})


def test_a_schedule_spends_where_it_helps() -> None:
    rows = two_tasks()
    everything = np.ones(20, bool)
    for duty, share in ((0.125, 0.5), (0.25, 1.0)):
        weights = fit_schedule(rows, ("idle", "help"), duty, everything)
        assert weights[1] == pytest.approx([1 - share, share])


@pytest.mark.parametrize("study", ["reference", "reference-tenth"])
def test_a_schedule_may_do_no_better_than_its_best_arm_and_keeps_its_budget(study: str) -> None:
    rows = read_rows(study)
    found = judge_schedule(rows, "rescue", (*BLIND, "strong"))
    assert found.success <= rows.arms["strong"].success.mean()
    assert found.duty == pytest.approx(rows.arms["rescue"].duty, abs=0.01)


@pytest.mark.parametrize("study", ["reference", "reference-tenth"])
def test_the_oracle_bounds_the_one_of_the_report(study: str) -> None:
    rows, forks = read_rows(study), read_rows(study, "forks")
    gap = measure_gap(rows, forks, "rescue")
    printed = next(one for one in read_report(study)["gaps"] if one["arm"] == "rescue")
    assert gap.random < gap.arm < gap.oracle
    assert gap.closed < printed["closed"], "the report's oracle spends less"


@pytest.mark.slow
@pytest.mark.parametrize("study", PAIRS)
def test_boosted_trees_rank_as_the_pages_say(study: str) -> None:
    within, _ = measure_boosted(PAIRS[study], study)
    assert within == pytest.approx(0.76, abs=0.01)
