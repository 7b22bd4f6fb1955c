"""What the reports leave out: tasks as random, the oracle at equal duty, a task-aware schedule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.stats import norm, t

from scripts.pages.study_rows import F64, I64, Plays, StudyRows

_TIE = 1e-9
BLIND = ("weak", "blind", "blind_early", "blind_late", "blind_middle", "blind_periodic")


@dataclass(frozen=True, slots=True)
class Range:
    """An estimate with its 95 % interval."""

    value: float
    low: float
    high: float


def difference_of_tasks(difference: F64, task: I64) -> Range:
    """Returns the mean over tasks of their mean differences, with tasks as a random sample.

    Args:
        difference: Success of one arm minus that of another. Shape (n,).
        task: Task of each unit. Shape (n,).

    Returns:
        Mean of the task means, and Student's interval with one degree of freedom less than tasks.
    """
    means = np.array([difference[task == one].mean() for one in np.unique(task)])
    half = t.ppf(0.975, len(means) - 1) * means.std(ddof=1) / np.sqrt(len(means))
    return Range(float(means.mean()), float(means.mean() - half), float(means.mean() + half))


def difference_of_units(difference: F64, task: I64) -> Range:
    """Returns the mean difference with a normal interval over units within these tasks.

    Args:
        difference: Success of one arm minus that of another. Shape (n,).
        task: Task of each unit. Shape (n,).
    """
    variance = sum(
        (here := difference[task == one]).var(ddof=1) * len(here) for one in np.unique(task)
    )
    half = norm.ppf(0.975) * np.sqrt(variance) / len(difference)
    mean = float(difference.mean())
    return Range(mean, float(mean - half), float(mean + half))


@dataclass(frozen=True, slots=True)
class Gap:
    """How far an arm goes from random to oracle timing, at its own duty, on the forked units."""

    units: int
    duty: float
    random: float
    arm: float
    oracle: float

    @property
    def closed(self) -> float:
        """(arm - random) / (oracle - random)."""
        return (self.arm - self.random) / (self.oracle - self.random)


def measure_gap(rows: StudyRows, forks: StudyRows, arm: str) -> Gap:
    """Returns the gap with an oracle that spends the duty which the arm spent on the same units.

    The oracle hands each unit over once, at one of the forked ticks and to the end, or never; the
    linear programme over all units gives its best success.
    """
    place = {unit: n for n, unit in enumerate(zip(rows.task, rows.index, strict=True))}
    here = np.array([place[unit] for unit in zip(forks.task, forks.index, strict=True)])
    own = _pick(rows.arms[arm], here)
    options = [plays for name, plays in forks.arms.items() if not name.startswith("reseed")]
    oracle = _solve(options, np.arange(len(here)), own.duty)
    by_chance = float(rows.arms["random"].success[here].mean())
    return Gap(len(here), own.duty, by_chance, float(own.success.mean()), oracle)


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule that knows the task, at the gate's duty.

    Attributes:
        success: Share of units solved.
        duty: Share of steps under the strong policy.
        units: Gate minus schedule, units within these tasks.
        tasks: Gate minus schedule, tasks as random.
    """

    success: float
    duty: float
    units: Range
    tasks: Range


def judge_schedule(rows: StudyRows, arm: str, names: Sequence[str]) -> Schedule:
    """Returns a schedule fitted to every second start state and judged on the others, both ways."""
    parts = [rows.index % 2 == half for half in (0, 1)]
    duty = rows.arms[arm].duty
    played = [_play(rows, fit_schedule(rows, names, duty, part), names) for part in parts]
    mixed = Plays(*(_join(parts, played, name) for name in ("success", "steps", "strong")))
    return compare_schedule(rows, arm, mixed)


def carry_schedule(fitted: StudyRows, rows: StudyRows, arm: str, names: Sequence[str]) -> Schedule:
    """Returns a schedule fitted to all units of one study and judged on those of another."""
    everything = np.ones(len(fitted.task), bool)
    weights = fit_schedule(fitted, names, rows.arms[arm].duty, everything)
    return compare_schedule(rows, arm, _play(rows, weights, names))


def compare_schedule(rows: StudyRows, arm: str, schedule: Plays) -> Schedule:
    """Returns what a schedule solves and spends, and the gate's difference to it."""
    difference = rows.arms[arm].success - schedule.success
    return Schedule(
        float(schedule.success.mean()),
        schedule.duty,
        difference_of_units(difference, rows.task),
        difference_of_tasks(difference, rows.task),
    )


def fit_schedule(
    rows: StudyRows, names: Sequence[str], duty: float, part: NDArray[np.bool_]
) -> F64:
    """Returns for each task the mixture of arms with the most success at a duty.

    Args:
        rows: The episodes.
        names: The arms that are mixed, m of them.
        duty: Share of steps that the strong policy may drive, over all tasks.
        part: The units that are looked at. Shape (n,).

    Returns:
        Shares of the arms in each task. Shape (tasks, m).
    """
    tasks = np.unique(rows.task)
    masks = [part & (rows.task == one) for one in tasks]
    arms = [rows.arms[name] for name in names]
    gain = [arm.success[mask].mean() for mask in masks for arm in arms]
    cost = [(arm.strong - duty * arm.steps)[mask].mean() for mask in masks for arm in arms]
    whole = np.kron(np.eye(len(tasks)), np.ones(len(arms)))
    # Of mixtures that solve as many, the one that spends most: the duties are then most alike.
    found = linprog(
        -np.array(gain) - _TIE * np.array(cost),
        A_ub=[cost],
        b_ub=[0.0],
        A_eq=whole,
        b_eq=np.ones(len(tasks)),
        method="highs",
    )
    return np.asarray(found.x, np.float64).reshape(len(tasks), len(arms))


def _play(rows: StudyRows, weights: F64, names: Sequence[str]) -> Plays:
    """Returns the expected outcome of a mixture, unit by unit."""
    share = weights[np.searchsorted(np.unique(rows.task), rows.task)]
    arms = [rows.arms[name] for name in names]
    return Plays(
        *(
            np.sum([share[:, j] * getattr(arm, name) for j, arm in enumerate(arms)], axis=0)
            for name in ("success", "steps", "strong")
        )
    )


def _join(parts: Sequence[NDArray[np.bool_]], played: Sequence[Plays], name: str) -> F64:
    """Returns the units of each half as the schedule of the other half plays them."""
    first, second = (getattr(one, name) for one in played)
    joined: F64 = np.where(parts[0], second, first)
    return joined


def _pick(plays: Plays, here: I64) -> Plays:
    return Plays(plays.success[here], plays.steps[here], plays.strong[here])


def _solve(options: Sequence[Plays], units: I64, duty: float) -> float:
    """Returns the largest share of units solved when each takes one option, at a duty."""
    success = np.array([plays.success[units] for plays in options])
    cost = np.array([plays.strong[units] - duty * plays.steps[units] for plays in options])
    known = np.isfinite(success)
    gain, spent = np.where(known, success, 0.0).ravel(), np.where(known, cost, 0.0).ravel()
    bounds = [(0.0, 1.0 if one else 0.0) for one in known.ravel()]
    whole = np.kron(np.ones(len(options)), np.eye(len(units)))
    found = linprog(
        -gain,
        A_ub=[spent],
        b_ub=[0.0],
        A_eq=whole,
        b_eq=np.ones(len(units)),
        bounds=bounds,
        method="highs",
    )
    return -float(found.fun) / len(units)
