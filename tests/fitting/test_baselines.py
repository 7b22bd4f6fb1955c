"""Baselines: they find what task and pose tell, and nothing where there is nothing."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from aegis.core.seeds import root_stream
from aegis.fitting.baselines import (
    estimate_task_risk,
    score_across_halves,
    score_by_logistic,
    split_halves,
)
from aegis.stats.auroc import compute_auroc, compute_auroc_within

N = 600
TASK = np.arange(N) % 3
START = np.arange(N) // 2


def test_units_of_a_start_state_stay_in_one_half() -> None:
    fold = split_halves(TASK, START)
    for name in range(3):
        here = name == TASK
        assert abs(int(fold[here].sum()) - int(here.sum()) // 2) <= 1
        for start in np.unique(START[here]):
            assert len(set(fold[here & (start == START)].tolist())) == 1


def test_task_alone() -> None:
    rng = root_stream(0, "baselines")
    failed = rng.random(N) < np.array([0.1, 0.5, 0.9])[TASK]
    risk = estimate_task_risk(failed, TASK, TASK)
    assert risk[TASK == 0][0] == failed[TASK == 0].mean()
    assert compute_auroc(risk, failed) > 0.8
    assert compute_auroc_within(risk, failed, TASK) == 0.5


def test_pose_that_tells_is_found_and_pose_that_does_not_is_not() -> None:
    rng = root_stream(1, "baselines")
    pose = rng.normal(size=(N, 4))
    told = pose[:, 2] + 0.5 * rng.normal(size=N) > 0.3
    fold = split_halves(TASK, np.arange(N))
    assert compute_auroc(score_across_halves(pose, told, fold), told) > 0.9
    none = rng.random(N) < 0.4
    values = [
        compute_auroc(score_across_halves(rng.normal(size=(N, 4)), none, fold), none)
        for _ in range(30)
    ]
    assert np.mean(values) == pytest.approx(0.5, abs=0.02)


def test_the_regression_minimises_its_penalised_likelihood() -> None:
    rng = root_stream(3, "baselines")
    pose = rng.normal(size=(80, 3)) * [1.0, 20.0, 0.1] + [0.0, 5.0, 1.0]
    failed = pose[:, 0] + rng.normal(size=80) > 0.3
    z = (pose - pose.mean(axis=0)) / pose.std(axis=0)
    design = np.column_stack([np.ones(80), z])

    def loss(w: np.ndarray) -> float:
        signed = np.where(failed, 1, -1) * (design @ w)
        return float(np.logaddexp(0, -signed).sum() + w @ w / 2)

    best = minimize(loss, np.zeros(4), method="BFGS", options={"gtol": 1e-9}).x
    np.testing.assert_allclose(score_by_logistic(pose, failed, pose), z @ best[1:], atol=1e-5)


def test_where_all_ended_alike_nothing_is_ranked() -> None:
    pose = root_stream(4, "baselines").normal(size=(9, 2))
    for failed in (np.ones(9, bool), np.zeros(9, bool)):
        assert not score_by_logistic(pose, failed, pose).any()


def test_a_task_that_is_not_known_has_the_rate_of_all() -> None:
    failed, task = np.array([True, False, False, False]), np.array([3, 3, 5, 5])
    got = estimate_task_risk(failed, task, np.array([5, 3, 0, 4, 9]))
    assert got.tolist() == [0.0, 0.5, 0.25, 0.25, 0.25]


def test_unknown_poses_have_no_score() -> None:
    rng = root_stream(2, "baselines")
    pose = rng.normal(size=(20, 2))
    pose[3] = np.nan
    failed = np.arange(20) % 2 == 0
    fold = split_halves(np.zeros(20, np.int64), np.arange(20))
    risk = score_across_halves(pose, failed, fold)
    assert np.flatnonzero(np.isnan(risk)).tolist() == [3]
    assert np.isnan(score_across_halves(np.full((4, 1), np.nan), failed[:4], fold[:4])).all()


def test_a_pose_that_separates_stays_finite() -> None:
    pose = np.repeat([[-1.0], [1.0]], 10, axis=0)
    risk = score_across_halves(pose, pose[:, 0] > 0, np.arange(20) % 2)
    assert np.isfinite(risk).all()
    assert compute_auroc(risk, pose[:, 0] > 0) == 1.0
