"""The table that says what a probe sees early, next to what time, task and pose already tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from aegis.core.seeds import stream
from aegis.core.types import F64
from aegis.detectors.probe import Probe
from aegis.fitting.probe_fit import JUDGED, check_sets, train_rows
from aegis.fitting.table import I64, Bools, Rollouts
from aegis.stats.auroc import auroc, auroc_within
from aegis.stats.intervals import Interval, bootstrap, clopper_pearson

FAILURE, ADVANTAGE, RESCUE = "failure", "advantage", "rescue"
LABELS = (FAILURE, ADVANTAGE, RESCUE)
"""What a probe is fitted to: how an episode ends, or whether only the strong policy solves it, or
whether a short stay of the strong policy makes it succeed.

In a table for the latter two each row, a state that was forked or helped, is an episode of its own.
"""
NOUNS: Mapping[str, tuple[str, str, str]] = {
    FAILURE: ("episodes", "successes", "failures"),
    ADVANTAGE: ("forks", "forks without need", "forks in need"),
    RESCUE: ("stays", "stays in vain", "stays that rescued"),
}
"""Label to what its rows are called, and those that should score low, and high."""


@dataclass(frozen=True, slots=True)
class Line:
    """How well one score ranks failed above successful episodes.

    Attributes:
        name: The score.
        pooled: AUROC over all episodes.
        pooled_ci: Its 95 % bootstrap interval, by episode; of forks and stays, by start state.
        within: AUROC over pairs of episodes of the same task (see ``auroc_within``).
        within_ci: Its interval.
    """

    name: str
    pooled: float
    pooled_ci: Interval
    within: float
    within_ci: Interval


@dataclass(frozen=True, slots=True)
class Alarms:
    """What the threshold would do on weak-only episodes, from the guard on.

    Attributes:
        false: Share of successful episodes with an alarm.
        false_ci: Its exact 95 % interval.
        detected: Share of failed episodes with an alarm.
        detected_ci: Its exact 95 % interval.
    """

    false: float
    false_ci: Interval
    detected: float
    detected_ci: Interval


@dataclass(frozen=True, slots=True)
class Report:
    """A probe judged on episodes that it was not fitted to.

    Attributes:
        lines: The probe first, then the baselines.
        alarms: Threshold at work; optimistic on the episodes that it was calibrated on.
        window: Share of the horizon that was looked at.
        how: How an episode's score is made of its chunks' scores.
        episodes: Episodes judged.
        failures: Failed ones among them.
        ended: Episodes that ended, by success, inside the window: for these, time leaks.
        cost_us: Cost of one score [us], where measured.
        label: What counts as failure; one of ``LABELS``.
    """

    lines: tuple[Line, ...]
    alarms: Alarms
    window: float
    how: str
    episodes: int
    failures: int
    ended: int
    cost_us: float | None = None
    label: str = FAILURE

    def as_dict(self) -> dict[str, Any]:
        """Returns plain numbers and names, for JSON."""
        return asdict(self)

    def text(self) -> str:
        """Returns the table as lines of text."""
        rows = [
            f"{'score':<16}{'AUROC':>7}  {'95 % interval':<16}{'in task':>8}  {'95 % interval'}"
        ]
        rows += [
            f"{line.name:<16}{line.pooled:7.3f}  {line.pooled_ci!s:<16}"
            f"{line.within:8.3f}  {line.within_ci!s}"
            for line in self.lines
        ]
        a = self.alarms
        _, good, bad = NOUNS[self.label]
        rows += [
            self._first(),
            f"alarms after the guard: {a.false:.1%} {a.false_ci} of {good}, "
            f"{a.detected:.1%} {a.detected_ci} of {bad}",
        ]
        cost = f"{self.cost_us:.1f} us" if self.cost_us is not None else "not measured"
        return "\n".join([*rows, f"cost per score: {cost}"])

    def _first(self) -> str:
        """Returns what was looked at."""
        if self.label == FAILURE:
            return (
                f"{self.how} over the first {self.window:.0%} of the horizon; {self.episodes} "
                f"episodes, {self.failures} failed, {self.ended} ended inside the window"
            )
        seen = (
            f"{self.episodes} {NOUNS[self.label][0]} in the first {self.window:.0%} of the horizon"
        )
        if self.label == ADVANTAGE:
            return f"{seen}, in {self.failures} of which only the strong policy succeeds"
        return f"{seen}, of which {self.failures} rescued: the episode succeeded"


def judge_probe(
    probe: Probe,
    train: Rollouts,
    test: Rollouts,
    *,
    root: int,
    window: float = JUDGED,
    how: str = "mean",
    draws: int = 1000,
    label: str = FAILURE,
) -> Report:
    """Judges a probe and its baselines on the same episodes, in the same window.

    Baselines: ``time`` (score = k), ``task`` (failure rate of the task in training), ``proprio``
    (logistic regression on proprioception and time, trained like the probe).

    Args:
        probe: The probe.
        train: Episodes that the baselines are trained on, the probe's own.
        test: Episodes from other start states.
        root: Root seed of the bootstrap.
        window: Share of the horizon that is looked at; fixed, never the realised length.
        how: ``"mean"`` or ``"max"`` of the scores in the window.
        draws: Bootstrap resamples.
        label: What counts as failure; one of ``LABELS``.

    Raises:
        CalibrationError: If the sets share start states or differ in policy, layer or horizon.
    """
    check_sets(train, test)
    early = test.early(window)
    failed, task = ~early.outcomes(), early.tasks()
    groups = _groups(early, label)
    lines = []
    for name, values in _scores(probe, train, early, window, root).items():
        scores = early.per_episode(values, how)
        lines.append(_line(name, scores, failed, task, groups, root, draws))
    return Report(
        lines=tuple(lines),
        alarms=_alarms(probe, test if label == FAILURE else test.where(_eligible(probe, test))),
        window=window,
        how=how,
        episodes=early.episodes,
        failures=int(failed.sum()),
        ended=_ended(test, window) if label == FAILURE else 0,
        label=label,
    )


def _groups(rows: Rollouts, label: str) -> list[I64]:
    """Returns what is resampled together: each episode, or all rows of each start state."""
    if label == FAILURE:
        return [np.array([i]) for i in range(rows.episodes)]
    starts = rows.starts()
    return [np.flatnonzero(starts == start) for start in np.unique(starts)]


def _ended(test: Rollouts, window: float) -> int:
    """Returns how many episodes ended, by success, inside the window."""
    last = test.per_episode(test.k.astype(np.float64), "max")
    return int((test.outcomes() & (last + _stride(test) < window * test.horizon)).sum())


def _eligible(probe: Probe, rows: Rollouts) -> Bools:
    """Says which rows a gate may fire in. Shape (n,)."""
    eligible: Bools = rows.k >= probe.guard * rows.horizon
    return eligible


def _scores(
    probe: Probe, train: Rollouts, early: Rollouts, window: float, root: int
) -> Mapping[str, F64]:
    """Returns each score's value per row. Shape (n,)."""
    return {
        f"probe ({probe.kind})": probe.risk(early.features),
        "time": early.k.astype(np.float64),
        "task": _task_rate(train, early.task),
        "proprio + time": train_rows(
            train.early(window), _pose(train.early(window)), "logistic", 1e-1, root
        ).logit(_pose(early)),
    }


def _pose(rows: Rollouts) -> F64:
    """Returns proprioception and time. Shape (n, p + 1)."""
    return np.column_stack([rows.proprio, rows.k / rows.horizon]).astype(np.float64)


def _task_rate(train: Rollouts, task: I64) -> F64:
    """Returns the training failure rate of each row's task, drawn to 1/2 where data are few."""
    failed, known = ~train.outcomes(), train.tasks()
    rates = {t: (failed[known == t].sum() + 1) / ((known == t).sum() + 2) for t in np.unique(task)}
    return np.array([rates[t] for t in task], np.float64)


def _line(
    name: str,
    scores: F64,
    failed: Bools,
    task: I64,
    groups: Sequence[I64],
    root: int,
    draws: int,
) -> Line:
    def pooled(i: I64) -> float:
        return auroc(scores[i], failed[i])

    def within(i: I64) -> float:
        return auroc_within(scores[i], failed[i], task[i])

    def interval(of: Callable[[I64], float]) -> Interval:
        # The same resamples for every line: their differences are paired.
        return bootstrap(
            lambda chosen: of(np.concatenate([groups[i] for i in chosen])),
            len(groups),
            stream(root, "report"),
            draws=draws,
        )

    everyone = np.arange(len(scores))
    return Line(
        name=name,
        pooled=pooled(everyone),
        pooled_ci=interval(pooled),
        within=within(everyone),
        within_ci=interval(within),
    )


def _alarms(probe: Probe, test: Rollouts) -> Alarms:
    highest = test.per_episode(probe.risk(test.features), "max", _eligible(probe, test))
    alarm, good = ~(highest <= probe.threshold), test.outcomes()
    counts = [(int(alarm[kind].sum()), int(kind.sum())) for kind in (good, ~good)]
    (false, n_good), (found, n_bad) = counts
    return Alarms(
        false=false / n_good if n_good else float("nan"),
        false_ci=clopper_pearson(false, n_good),
        detected=found / n_bad if n_bad else float("nan"),
        detected_ci=clopper_pearson(found, n_bad),
    )


def _stride(rows: Rollouts) -> int:
    """Returns the length of a chunk [control steps]: the smallest gap between two chunks."""
    gaps = np.diff(np.unique(rows.k))
    return int(gaps.min()) if len(gaps) else rows.horizon
