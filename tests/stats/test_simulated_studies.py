"""Whole studies with known truth: level of the tests, coverage of the intervals, power.

A unit is hard or easy by its task, by a latent that all arms share, and by luck of each arm; so
outcomes are correlated between arms and tasks differ, as in a real study.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from aegis.core.seeds import root_stream
from aegis.stats.bayes import difference_posterior
from aegis.stats.bootstrap import paired_difference_interval
from aegis.stats.differences import clustered_difference, conditional_difference
from aegis.stats.e_process import log_e_path, stopping_time
from aegis.stats.intervals import Interval
from aegis.stats.p_values import sign_flip_p
from aegis.stats.paired_intervals import noninferiority_p, tango_interval
from aegis.stats.paired_outcome import PairedOutcome, count_by_task
from aegis.stats.power import mcnemar_power

STUDIES = 2000
UNITS = 500
TASK = np.arange(UNITS) % 10
EASE = (np.arange(10) - 4.5) / 4
"""Of each task, in standard deviations of the latent."""


def play(
    seed: int, shifts: tuple[float, ...], *, seeds_per_start: int = 1, spread: float = 0.0
) -> np.ndarray:
    """Returns success of each arm, all on the same units.

    Args:
        seed: Number of the study.
        shifts: How good each arm is.
        seeds_per_start: Units that share a start state.
        spread: How much an arm's success depends on the start state, apart from other arms.

    Returns:
        Shape (arms, units).
    """
    rng = root_stream(seed, "simulated")
    starts = len(TASK) // seeds_per_start
    shared = np.repeat(rng.standard_normal(starts), seeds_per_start)
    own = np.repeat(rng.standard_normal((len(shifts), starts)), seeds_per_start, axis=1)
    luck = rng.standard_normal((len(shifts), len(TASK)))
    ease = np.repeat(EASE[TASK[::seeds_per_start]], seeds_per_start)
    return ease + shared + spread * own + luck + np.array(shifts)[:, None] > 0


def task_of(seeds_per_start: int) -> np.ndarray:
    return np.repeat(TASK[::seeds_per_start], seeds_per_start)


def truth(shifts: tuple[float, ...], of: Callable[[np.ndarray], float]) -> float:
    """Returns a statistic over 1,000 studies put together."""
    return of(np.concatenate([play(10**6 + k, shifts) for k in range(1000)], axis=1))


def within(found: float, expected: float, n: int = STUDIES) -> bool:
    return abs(found - expected) <= 4 * (expected * (1 - expected) / n) ** 0.5


@pytest.mark.slow
@pytest.mark.parametrize("shift", [-1.5, 0.0, 2.0])
def test_tests_reject_a_true_null_at_most_as_often_as_they_say(shift: float) -> None:
    rejected = dict.fromkeys(("mcnemar", "sign flip", "e-process", "failures"), 0)
    for k in range(STUDIES):
        arm, against, weak = play(k, (shift, shift, 0.0))
        rejected["mcnemar"] += PairedOutcome.from_success(arm, against).mcnemar_p() <= 0.05
        rejected["sign flip"] += sign_flip_p(arm, against, TASK) <= 0.05
        rejected["e-process"] += stopping_time(log_e_path(arm, against), 0.05) is not None
        rejected["failures"] += (
            PairedOutcome.from_success(arm[~weak], against[~weak]).mcnemar_p() <= 0.05
        )
    limit = 0.05 + 3 * (0.05 * 0.95 / STUDIES) ** 0.5
    assert all(count / STUDIES <= limit for count in rejected.values()), rejected


@pytest.mark.slow
def test_power_is_as_computed_where_tasks_differ() -> None:
    shifts = (0.25, 0.0)
    cells = [PairedOutcome.from_success(*play(k, shifts)) for k in range(STUDIES)]
    found = np.mean([c.mcnemar_p() <= 0.05 for c in cells])
    b = np.mean([c.recovered for c in cells]) / UNITS
    c = np.mean([c.disrupted for c in cells]) / UNITS
    assert within(float(found), mcnemar_power(float(b), float(c), UNITS))


@pytest.mark.slow
def test_the_noninferiority_test_keeps_its_level_at_the_margin() -> None:
    shifts = (-0.3, 0.0)
    margin = -truth(shifts, lambda s: float(s[0].mean() - s[1].mean()))
    passed = [
        noninferiority_p(PairedOutcome.from_success(*play(k, shifts)), margin)
        for k in range(STUDIES)
    ]
    level = float(np.mean(np.array(passed) <= 0.05))
    # Below the level, because tasks that differ make the pooled variance an overestimate.
    assert 0.01 <= level <= 0.05 + 3 * (0.05 * 0.95 / STUDIES) ** 0.5


@pytest.mark.slow
@pytest.mark.parametrize("shifts", [(0.25, 0.0, 0.0), (-0.9, -1.2, -1.5), (2.0, 1.8, 0.3)])
def test_intervals_cover_the_truth_as_often_as_they_say(shifts: tuple[float, ...]) -> None:
    everywhere = truth(shifts, lambda s: float(s[0].mean() - s[1].mean()))
    failures = truth(shifts, lambda s: float(s[0][~s[2]].mean() - s[1][~s[2]].mean()))
    hits: dict[str, int] = {}

    def count(name: str, interval: Interval, value: float) -> None:
        hits[name] = hits.get(name, 0) + int(interval.low <= value <= interval.high)

    for k in range(STUDIES):
        arm, against, weak = play(k, shifts)
        cells = PairedOutcome.from_success(arm, against)
        rng = root_stream(k, "bootstrap")
        count("bca", paired_difference_interval(arm, against, TASK, rng, draws=1000), everywhere)
        found = conditional_difference(arm, against, ~weak, TASK, rng, draws=1000)
        count("conditional", found.interval, failures)
        count("tango", tango_interval(cells), everywhere)
        tasks = list(count_by_task(arm, against, TASK).values())
        count("bayes", difference_posterior(tasks, rng, draws=1000).interval, everywhere)
    shares = {name: n / STUDIES for name, n in hits.items()}
    # 95 %, give or take four standard errors of 2,000 studies; a little more where cells are few.
    assert all(0.93 <= share <= 0.975 for share in shares.values()), shares


@pytest.mark.slow
def test_start_states_that_go_alike_need_the_clustered_interval() -> None:
    shifts, seeds = (0.3, 0.0), 5
    starts, task = np.repeat(np.arange(UNITS // seeds), seeds), task_of(seeds)
    many = [play(10**6 + k, shifts, seeds_per_start=seeds, spread=1.0) for k in range(1000)]
    value = float(np.mean([s[0].mean() - s[1].mean() for s in many]))
    clustered = naive = 0
    for k in range(STUDIES):
        arm, against = play(k, shifts, seeds_per_start=seeds, spread=1.0)
        got = clustered_difference(
            arm, against, task, starts, root_stream(k, "b"), draws=1000
        ).interval
        clustered += got.low <= value <= got.high
        plain = paired_difference_interval(arm, against, task, root_stream(k, "b"), draws=1000)
        naive += plain.low <= value <= plain.high
    assert 0.93 <= clustered / STUDIES <= 0.97
    assert naive / STUDIES < 0.90
