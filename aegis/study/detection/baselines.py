"""Baselines: what task and pose alone tell about failure.

A detector that does not beat them has learned which task is hard, or where the arm is. They are
fitted on test episodes, which favours them over a detector that never saw one.
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from aegis.core.types import F64
from aegis.study.outcomes import I64, Bools

_RIDGE = 1.0
"""Weight of the squared coefficients of standardised features; as much as one unit."""
_ROUNDS = 30


def split_halves(task: I64, start: I64) -> I64:
    """Returns 0 or 1 for each unit: start states of a task in turn. Shape (n,).

    Args:
        task: Task of each unit. Shape (n,).
        start: Start state of each unit; units that share one stay together. Shape (n,).
    """
    fold = np.zeros(len(task), np.int64)
    for name in np.unique(task):
        here = task == name
        fold[here] = np.unique(start[here], return_inverse=True)[1] % 2
    return fold


def task_risk(failed: Bools, task: I64) -> F64:
    """Returns the failure rate of each unit's task. Shape (n,).

    It counts the unit itself, for the same rate must hold in all of a task: rates from other units
    would be lower for the failing ones, and would seem to rank units within a task, wrongly.

    Args:
        failed: Whether each unit failed. Shape (n,).
        task: Task of each unit. Shape (n,).
    """
    place = np.unique(task, return_inverse=True)[1]
    rate: F64 = np.bincount(place, failed) / np.bincount(place)
    return rate[place]


def fitted_risk(features: F64, failed: Bools, fold: I64) -> F64:
    """Returns a score from ridge logistic regression on the other half of the units. Shape (n,).

    It is the log-odds of failure without the intercept, which would tell only how often units of
    the other half failed.

    Args:
        features: One row per unit; NaN if unknown, which then scores NaN. Shape (n, f).
        failed: Whether each unit failed. Shape (n,).
        fold: From ``split_halves``. Shape (n,).
    """
    risk = np.full(len(failed), np.nan)
    known = np.isfinite(features).all(axis=1)
    for half in (0, 1):
        train, test = known & (fold != half), known & (fold == half)
        if train.any() and test.any():
            centre, scale = features[train].mean(axis=0), features[train].std(axis=0)
            scale = np.where(scale > 0, scale, 1.0)
            design = np.column_stack([np.ones(train.sum()), (features[train] - centre) / scale])
            weights = _fit_logistic(design, failed[train])
            risk[test] = ((features[test] - centre) / scale) @ weights[1:]
    return risk


def _fit_logistic(design: F64, positive: Bools) -> F64:
    """Returns coefficients by Newton's method; the penalty keeps them finite. Shape (f + 1,)."""
    weights = np.zeros(design.shape[1])
    penalty = np.full(len(weights), _RIDGE)
    for _ in range(_ROUNDS):
        p = expit(design @ weights)
        gradient = design.T @ (p - positive) + penalty * weights
        curvature = (design.T * (p * (1 - p))) @ design + np.diag(penalty)
        step = np.linalg.solve(curvature, gradient)
        weights = weights - step
        if float(np.abs(step).max()) < 1e-9:
            break
    return weights
