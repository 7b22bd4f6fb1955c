"""The table that says what a probe sees early, next to what time, task and pose already tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from aegis.core.seeds import root_stream
from aegis.core.types import F64
from aegis.detectors.probe import LOGISTIC, Probe
from aegis.fitting.probe_fit import JUDGED_WINDOW, check_sets, train_head_on_rows
from aegis.fitting.table import I64, Bools, FittingTable
from aegis.stats.auroc import compute_auroc, compute_auroc_within
from aegis.stats.intervals import Interval, bootstrap_units, clopper_pearson_interval

FAILURE, ADVANTAGE, RESCUE = "failure", "advantage", "rescue"
LABELS = (FAILURE, ADVANTAGE, RESCUE)
"""What a probe is fitted to: how an episode ends, or whether only the strong policy solves it, or
whether a short stay of the strong policy makes it succeed.

In a table for the latter two each row, a state that was forked or helped, is an episode of its own.
"""
ROW_NOUNS: Mapping[str, tuple[str, str, str]] = {
    FAILURE: ("episodes", "successes", "failures"),
    ADVANTAGE: ("forks", "forks without need", "forks in need"),
    RESCUE: ("stays", "stays in vain", "stays that rescued"),
}
"""Label to what its rows are called, and those that should score low, and high."""


@dataclass(frozen=True, slots=True)
class ScoreRanking:
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
class AlarmRates:
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
class ProbeReport:
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

    lines: tuple[ScoreRanking, ...]
    alarms: AlarmRates
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

    def format_table(self) -> str:
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
        _, good, bad = ROW_NOUNS[self.label]
        rows += [
            self._describe_judged(),
            f"alarms after the guard: {a.false:.1%} {a.false_ci} of {good}, "
            f"{a.detected:.1%} {a.detected_ci} of {bad}",
        ]
        cost = f"{self.cost_us:.1f} us" if self.cost_us is not None else "not measured"
        return "\n".join([*rows, f"cost per score: {cost}"])

    def _describe_judged(self) -> str:
        """Returns what was looked at."""
        if self.label == FAILURE:
            return (
                f"{self.how} over the first {self.window:.0%} of the horizon; {self.episodes} "
                f"episodes, {self.failures} failed, {self.ended} ended inside the window"
            )
        noun = ROW_NOUNS[self.label][0]
        seen = f"{self.episodes} {noun} in the first {self.window:.0%} of the horizon"
        if self.label == ADVANTAGE:
            return f"{seen}, in {self.failures} of which only the strong policy succeeds"
        return f"{seen}, of which {self.failures} rescued: the episode succeeded"


def judge_probe(
    probe: Probe,
    train: FittingTable,
    test: FittingTable,
    *,
    root: int,
    window: float = JUDGED_WINDOW,
    how: str = "mean",
    draws: int = 1000,
    label: str = FAILURE,
) -> ProbeReport:
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
    early = test.select_early(window)
    failed, task = early.episode_positives(), early.episode_tasks()
    groups = _group_rows(early, label)
    lines = []
    for name, values in _score_rows(probe, train, early, window, root).items():
        scores = early.reduce_by_episode(values, how)
        lines.append(_rank_score(name, scores, failed, task, groups, root, draws))
    return ProbeReport(
        lines=tuple(lines),
        alarms=_measure_alarms(
            probe, test if label == FAILURE else test.select_rows(_mask_eligible(probe, test))
        ),
        window=window,
        how=how,
        episodes=early.episodes,
        failures=int(failed.sum()),
        ended=_count_ended(test, window) if label == FAILURE else 0,
        label=label,
    )


def _group_rows(rows: FittingTable, label: str) -> list[I64]:
    """Returns what is resampled together: each episode, or all rows of each start state."""
    if label == FAILURE:
        return [np.array([i]) for i in range(rows.episodes)]
    starts = rows.episode_starts()
    return [np.flatnonzero(starts == start) for start in np.unique(starts)]


def _count_ended(test: FittingTable, window: float) -> int:
    """Returns how many episodes ended, by success, inside the window."""
    last = test.reduce_by_episode(test.k.astype(np.float64), "max")
    return int(
        (~test.episode_positives() & (last + _measure_stride(test) < window * test.horizon)).sum()
    )


def _mask_eligible(probe: Probe, rows: FittingTable) -> Bools:
    """Says which rows a gate may fire in. Shape (n,)."""
    eligible: Bools = rows.k >= probe.guard * rows.horizon
    return eligible


def _score_rows(
    probe: Probe, train: FittingTable, early: FittingTable, window: float, root: int
) -> Mapping[str, F64]:
    """Returns each score's value per row. Shape (n,)."""
    return {
        f"probe ({probe.kind})": probe.compute_risk(early.features),
        "time": early.k.astype(np.float64),
        "task": _estimate_task_rate(train, early.task),
        "proprio + time": train_head_on_rows(
            train.select_early(window),
            _stack_pose(train.select_early(window)),
            LOGISTIC,
            1e-1,
            root,
        ).compute_logit(_stack_pose(early)),
    }


def _stack_pose(rows: FittingTable) -> F64:
    """Returns proprioception and time. Shape (n, p + 1)."""
    return np.column_stack([rows.proprio, rows.k / rows.horizon]).astype(np.float64)


def _estimate_task_rate(train: FittingTable, task: I64) -> F64:
    """Returns the training failure rate of each row's task, drawn to 1/2 where data are few."""
    failed, known = train.episode_positives(), train.episode_tasks()
    rates = {t: (failed[known == t].sum() + 1) / ((known == t).sum() + 2) for t in np.unique(task)}
    return np.array([rates[t] for t in task], np.float64)


def _rank_score(
    name: str,
    scores: F64,
    failed: Bools,
    task: I64,
    groups: Sequence[I64],
    root: int,
    draws: int,
) -> ScoreRanking:
    def pooled_auroc(i: I64) -> float:
        return compute_auroc(scores[i], failed[i])

    def within_auroc(i: I64) -> float:
        return compute_auroc_within(scores[i], failed[i], task[i])

    def bootstrap_auroc(of: Callable[[I64], float]) -> Interval:
        # The same resamples for every line: their differences are paired.
        return bootstrap_units(
            lambda chosen: of(np.concatenate([groups[i] for i in chosen])),
            len(groups),
            root_stream(root, "report"),
            draws=draws,
        )

    everyone = np.arange(len(scores))
    return ScoreRanking(
        name=name,
        pooled=pooled_auroc(everyone),
        pooled_ci=bootstrap_auroc(pooled_auroc),
        within=within_auroc(everyone),
        within_ci=bootstrap_auroc(within_auroc),
    )


def _measure_alarms(probe: Probe, test: FittingTable) -> AlarmRates:
    highest = test.reduce_by_episode(
        probe.compute_risk(test.features), "max", _mask_eligible(probe, test)
    )
    alarm, good = ~(highest <= probe.threshold), ~test.episode_positives()
    counts = [(int(alarm[kind].sum()), int(kind.sum())) for kind in (good, ~good)]
    (false, n_good), (found, n_bad) = counts
    return AlarmRates(
        false=false / n_good if n_good else float("nan"),
        false_ci=clopper_pearson_interval(false, n_good),
        detected=found / n_bad if n_bad else float("nan"),
        detected_ci=clopper_pearson_interval(found, n_bad),
    )


def _measure_stride(rows: FittingTable) -> int:
    """Returns the length of a chunk [control steps]: the smallest gap between two chunks."""
    gaps = np.diff(np.unique(rows.k))
    return int(gaps.min()) if len(gaps) else rows.horizon
