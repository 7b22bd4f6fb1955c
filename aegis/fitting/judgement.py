"""The table that says what a probe sees early, next to what time, task and pose already tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from aegis.core.seeds import root_stream
from aegis.core.types import F64, I64, Bools
from aegis.detectors.probe import Probe
from aegis.fitting.baselines import TASK, TIME, estimate_task_risk, score_by_logistic
from aegis.fitting.boundary_scores import BoundaryScores, find_window_end
from aegis.fitting.probe_fit import JUDGED_WINDOW, check_sets
from aegis.fitting.table import FittingTable
from aegis.stats.auroc_intervals import EpisodeResamples
from aegis.stats.exact_interval import clopper_pearson_interval
from aegis.stats.intervals import Interval

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
        pooled_ci: Its 95 % bootstrap interval, BCa, by episode; of forks and stays, by start state.
        within: AUROC over pairs of episodes of the same task (see ``compute_auroc_within``).
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
        episodes: Episodes judged.
        failures: Failed ones among them.
        ended: Episodes that ended, by success, inside the window: for these, time leaks.
        cost_us: Cost of one score [us], where measured.
        label: What counts as failure; one of ``LABELS``.
    """

    lines: tuple[ScoreRanking, ...]
    alarms: AlarmRates
    window: float
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
                f"mean over the first {self.window:.0%} of the horizon; {self.episodes} "
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
    draws: int = 2000,
    label: str = FAILURE,
) -> ProbeReport:
    """Judges a probe and its baselines on the same episodes, in the same window.

    An episode's score is the mean of its chunks' scores in the window. The baselines are those of
    a study's report (``aegis.fitting.baselines``), learned from the training episodes: ``time``
    (the last tick in the window), ``task`` (failure rate of the task in training) and
    ``proprio + time`` (logistic regression on proprioception and tick, mean and last).

    Args:
        probe: The probe.
        train: Episodes that the baselines are trained on, the probe's own.
        test: Episodes from other start states.
        root: Root seed of the bootstrap.
        window: Share of the horizon that is looked at; fixed, never the realised length.
        draws: Bootstrap resamples.
        label: What counts as failure; one of ``LABELS``.

    Raises:
        CalibrationError: If the sets share start states or differ in policy, layer or horizon.
    """
    check_sets(train, test)
    early, known = test.select_early(window), train.select_early(window)
    resamples = EpisodeResamples.draw(
        early.episode_positives(),
        early.episode_tasks(),
        root_stream(root, "report"),
        # Forks and stays are rows of one episode each, but several go on from one start state.
        cluster=None if label == FAILURE else _number_starts(early),
        draws=draws,
    )
    eligible = test if label == FAILURE else test.select_rows(_mask_eligible(probe, test))
    return ProbeReport(
        lines=tuple(
            _rank_score(name, scores, resamples)
            for name, scores in _score_episodes(probe, known, early, window).items()
        ),
        alarms=_measure_alarms(probe, eligible),
        window=window,
        episodes=early.episodes,
        failures=int(resamples.positive.sum()),
        ended=_count_ended(test, window) if label == FAILURE else 0,
        label=label,
    )


def _number_starts(rows: FittingTable) -> I64:
    """Returns the number of each episode's start state. Shape (episodes,).

    Rows of one start state are resampled together.
    """
    return np.unique(rows.episode_starts(), return_inverse=True)[1]


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


def _score_episodes(
    probe: Probe, train: FittingTable, early: FittingTable, window: float
) -> Mapping[str, F64]:
    """Returns the probe's and each baseline's score per episode. Shape (episodes,).

    Args:
        probe: The probe.
        train: Rows of the window that baselines learn from.
        early: Rows of the window to score.
        window: Share of the horizon.
    """
    end = find_window_end(window, early.horizon)
    name = f"probe ({probe.kind})"
    scored = _tabulate_scores(early, {name: probe.compute_risk(early.features)})
    failed = train.episode_positives()
    return {
        name: scored.average_window(scored.values[name], end),
        TIME: scored.find_last_ticks(end),
        TASK: estimate_task_risk(failed, train.episode_tasks(), early.episode_tasks()),
        "proprio + time": score_by_logistic(
            _tabulate_scores(train, {}).build_pose_features(end),
            failed,
            scored.build_pose_features(end),
        ),
    }


def _tabulate_scores(rows: FittingTable, values: Mapping[str, F64]) -> BoundaryScores:
    """Returns scores of a table's rows, with proprioception and time as the pose.

    Args:
        rows: The rows, n of them.
        values: Scores by name. Shape (n,).
    """
    numbers, episode = np.unique(rows.episode, return_inverse=True)
    pose = np.column_stack([rows.proprio, rows.k / rows.horizon]).astype(np.float64)
    return BoundaryScores(len(numbers), episode, rows.k, values, pose)


def _rank_score(name: str, scores: F64, resamples: EpisodeResamples) -> ScoreRanking:
    """Returns the ranking by one score per episode, shape (episodes,), with intervals."""
    pooled, within = (resamples.estimate_auroc(scores, within=alone) for alone in (False, True))
    return ScoreRanking(name, pooled.value, pooled.interval, within.value, within.interval)


def _measure_alarms(probe: Probe, test: FittingTable) -> AlarmRates:
    """Returns what the probe's threshold does on the eligible rows, by episode."""
    highest = test.reduce_by_episode(
        probe.compute_risk(test.features), "max", _mask_eligible(probe, test)
    )
    # Not "highest > threshold": an unknown risk is an alarm.
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
