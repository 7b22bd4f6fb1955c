"""Baselines: they find what task and pose tell, and nothing where there is nothing."""

from __future__ import annotations

import numpy as np
import pytest

from aegis.stats.auroc import compute_auroc, compute_auroc_within
from aegis.study.detection.baselines import fitted_risk, split_halves, task_risk

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
    rng = np.random.default_rng(0)
    failed = rng.random(N) < np.array([0.1, 0.5, 0.9])[TASK]
    risk = task_risk(failed, TASK)
    assert risk[TASK == 0][0] == failed[TASK == 0].mean()
    assert compute_auroc(risk, failed) > 0.8
    assert compute_auroc_within(risk, failed, TASK) == 0.5


def test_pose_that_tells_is_found_and_pose_that_does_not_is_not() -> None:
    rng = np.random.default_rng(1)
    pose = rng.normal(size=(N, 4))
    told = pose[:, 2] + 0.5 * rng.normal(size=N) > 0.3
    fold = split_halves(TASK, np.arange(N))
    assert compute_auroc(fitted_risk(pose, told, fold), told) > 0.9
    none = rng.random(N) < 0.4
    values = [
        compute_auroc(fitted_risk(rng.normal(size=(N, 4)), none, fold), none) for _ in range(30)
    ]
    assert np.mean(values) == pytest.approx(0.5, abs=0.02)


def test_unknown_poses_have_no_score() -> None:
    rng = np.random.default_rng(2)
    pose = rng.normal(size=(20, 2))
    pose[3] = np.nan
    failed = np.arange(20) % 2 == 0
    fold = split_halves(np.zeros(20, np.int64), np.arange(20))
    risk = fitted_risk(pose, failed, fold)
    assert np.flatnonzero(np.isnan(risk)).tolist() == [3]
    assert np.isnan(fitted_risk(np.full((4, 1), np.nan), failed[:4], fold[:4])).all()


def test_a_pose_that_separates_stays_finite() -> None:
    pose = np.repeat([[-1.0], [1.0]], 10, axis=0)
    risk = fitted_risk(pose, pose[:, 0] > 0, np.arange(20) % 2)
    assert np.isfinite(risk).all()
    assert compute_auroc(risk, pose[:, 0] > 0) == 1.0
