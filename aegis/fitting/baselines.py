"""Baselines: what time, task and pose alone tell about failure.

A detector that does not beat them has learned which task is hard, or where the arm is. `aegis fit`
and a study's report judge a detector against the same ones.
"""

from __future__ import annotations

import numpy as np
from threadpoolctl import threadpool_limits

from aegis.core.types import F64, I64, Bools

TIME, TASK, PROPRIO = BASELINES = ("time", "task", "proprio")
"""Scores that know nothing of the policy's activations."""


def estimate_task_risk(failed: Bools, task: I64, asked: I64) -> F64:
    """Returns the failure rate of tasks; of a task that is not known, that of all episodes.

    Asked about the very episodes, the rate counts each of them, for the same rate must hold in all
    of a task: rates from other episodes would be lower for the failing ones, and would seem to
    rank episodes within a task, wrongly.

    Args:
        failed: Whether each known episode failed. Shape (n,).
        task: Task of each known episode. Shape (n,).
        asked: Task of each episode to score. Shape (m,).

    Returns:
        Shape (m,).
    """
    known, place = np.unique(task, return_inverse=True)
    rate: F64 = np.bincount(place, failed) / np.bincount(place)
    found = np.clip(np.searchsorted(known, asked), 0, len(known) - 1)
    return np.where(known[found] == asked, rate[found], np.mean(failed))


def score_by_logistic(train: F64, failed: Bools, features: F64) -> F64:
    """Returns a score from ridge logistic regression on other episodes.

    It is the log-odds of failure without the intercept, which would tell only how often the other
    episodes failed. Features are standardised; the penalty, half the squared coefficients, weighs
    as much as one episode, and bears on the intercept, too, which is a column of its own.

    Args:
        train: Features of the episodes to learn from; finite. Shape (n, f).
        failed: Whether these failed. Shape (n,).
        features: Features of the episodes to score. Shape (m, f).

    Returns:
        Shape (m,); zeros, which rank nothing, where all of the others failed, or none.
    """
    from sklearn.linear_model import LogisticRegression  # a second, and only where one is fitted

    if failed.all() or not failed.any():
        return np.zeros(len(features))
    centre, scale = train.mean(axis=0), train.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    design = np.column_stack([np.ones(len(train)), (train - centre) / scale])
    model = LogisticRegression(
        C=1.0, fit_intercept=False, solver="newton-cholesky", tol=1e-12, max_iter=100
    )
    # One thread: the last bits of a sum must not depend on how many cores there are.
    with threadpool_limits(1):
        model.fit(design, failed)
    weights: F64 = model.coef_[0, 1:]
    return np.asarray(((features - centre) / scale) @ weights, np.float64)


def split_halves(task: I64, start: I64) -> I64:
    """Returns 0 or 1 for each episode: start states of a task in turn.

    Args:
        task: Task of each episode. Shape (n,).
        start: Start state of each episode; episodes that share one stay together. Shape (n,).

    Returns:
        Shape (n,).
    """
    fold = np.zeros(len(task), np.int64)
    for name in np.unique(task):
        here = task == name
        fold[here] = np.unique(start[here], return_inverse=True)[1] % 2
    return fold


def score_across_halves(features: F64, failed: Bools, fold: I64) -> F64:
    """Returns a score of each episode that ``score_by_logistic`` learned from the other half.

    Both halves are of the episodes that a detector is judged on, which favours the baseline over
    a detector that never saw one.

    Args:
        features: One row per episode; NaN if unknown, which then scores NaN. Shape (n, f).
        failed: Whether each episode failed. Shape (n,).
        fold: From ``split_halves``. Shape (n,).

    Returns:
        Shape (n,).
    """
    risk = np.full(len(failed), np.nan)
    known = np.isfinite(features).all(axis=1)
    for half in (0, 1):
        train, test = known & (fold != half), known & (fold == half)
        if train.any() and test.any():
            risk[test] = score_by_logistic(features[train], failed[train], features[test])
    return risk
