"""Detector evaluation: how well scores rank failing episodes early, before any hand-over."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aegis.core.seeds import root_stream
from aegis.core.types import F64, Bools
from aegis.fitting.baselines import (
    BASELINES,
    PROPRIO,
    TASK,
    TIME,
    estimate_task_risk,
    score_across_halves,
    split_halves,
)
from aegis.fitting.boundary_scores import BoundaryScores, find_window_end
from aegis.records.fork_rows import UnitKey, unit_key_of
from aegis.stats.auroc_intervals import EpisodeResamples
from aegis.stats.intervals import wilson_interval
from aegis.stats.reliability import expected_calibration_error, reliability_bins
from aegis.study.detection.detector_result import DetectorResult, RiskBin, ScoreResult, WindowAuroc
from aegis.study.estimates import Estimate, Share, compute_exact_share
from aegis.study.outcomes import Outcomes
from aegis.study.plan.context import AnalysisContext
from aegis.study.plan.study_plan import StudyPlan

_BINS = 10


def read_reference_scores(
    scores: pa.Table, outcomes: Outcomes, reference: str
) -> BoundaryScores | None:
    """Reads the scores of the reference arm; None if it has none on these units.

    Args:
        scores: The table of scores, one row per arm, unit and chunk boundary.
        outcomes: The units; their order numbers the episodes.
        reference: The reference arm.
    """
    mine = scores.filter(pc.equal(scores.column("arm"), reference))
    number: dict[UnitKey, int] = {unit_key_of(r): i for i, r in enumerate(outcomes.rows[reference])}
    records = [
        (number[unit], row)
        for row in mine.to_pylist()
        if (unit := (row["task"], row["start"], row["index"])) in number and row["scores"]
    ]
    if not records:
        return None
    values = [dict(row["scores"]) for _, row in records]
    names = sorted({name for one in values for name in one})
    poses = [row["proprio"] for _, row in records]
    return BoundaryScores(
        episodes=outcomes.n,
        episode=np.array([i for i, _ in records], np.int64),
        k=np.array([row["k"] for _, row in records], np.int64),
        values={name: np.array([one.get(name, np.nan) for one in values], float) for name in names},
        pose=None if None in poses else np.array(poses, np.float64),
    )


@dataclass(frozen=True, slots=True, eq=False)
class WindowScores:
    """All scores and baselines of a study, by episode and window."""

    scored: BoundaryScores
    outcomes: Outcomes
    plan: StudyPlan
    facts: AnalysisContext

    @property
    def failed(self) -> Bools:
        """Whether the reference failed. Shape (n,)."""
        return ~self.outcomes.success[self.plan.reference]

    @property
    def names(self) -> tuple[str, ...]:
        """Scores that were logged, then baselines made here unless they were logged."""
        made = [TIME, TASK, *([] if self.scored.pose is None else [PROPRIO])]
        return tuple(dict.fromkeys([*self.scored.values, *made]))

    def score_window(self, name: str, window: float) -> F64:
        """Returns each episode's score in a window. Shape (n,)."""
        end = find_window_end(window, self.facts.horizon)
        if name in self.scored.values:
            return self.scored.average_window(self.scored.values[name], end)
        if name == TIME:
            return self.scored.find_last_ticks(end)
        task = self.outcomes.task
        if name == TASK:
            return estimate_task_risk(self.failed, task, task)
        fold = split_halves(task, self.outcomes.start)
        return score_across_halves(self.scored.build_pose_features(end), self.failed, fold)

    def resample(self, window: float) -> EpisodeResamples:
        """Returns resamples for all scores of a window: their differences are paired."""
        rng = root_stream(self.outcomes.root, "study", "auroc", repr(window))
        return EpisodeResamples.draw(self.failed, self.outcomes.task, rng, draws=self.facts.draws)


def evaluate_detector(
    outcomes: Outcomes, scores: pa.Table, plan: StudyPlan, facts: AnalysisContext
) -> DetectorResult | None:
    """Judges the recommended arm's score on the reference arm; None if it was not scored.

    Alarms are those of the published rule: its own score, threshold and guard.

    An episode's score is the mean over a fixed first part of the horizon, never of the realised
    length, since in these tasks success ends an episode and its length tells the outcome.
    """
    scored = read_reference_scores(scores, outcomes, plan.reference)
    if scored is None or facts.detector not in scored.values:
        return None
    alarm = facts.alarm or facts.detector
    field = WindowScores(scored, outcomes, plan, facts)
    results = _evaluate_scores(field)
    named = {result.name: result for result in results}
    early = next(w for w in named[facts.detector].windows if w.window == plan.early)
    bins, error = _bin_reliability(field.score_window(facts.detector, plan.early), field.failed)
    false_alarms, alarms = _count_alarms(scored, alarm, field.failed, facts)
    return DetectorResult(
        name=facts.detector,
        early=plan.early,
        auroc_early=early.pooled,
        auroc_early_within_task=early.within_task,
        scores=results,
        gain=_estimate_gains(field),
        reliability=bins,
        calibration_error=error,
        alarm=alarm,
        alpha=facts.false_alarms,
        false_alarms=false_alarms,
        alarms=alarms,
    )


def _evaluate_scores(field: WindowScores) -> tuple[ScoreResult, ...]:
    """Judges all scores window by window, so that each window is resampled once."""
    windows: dict[str, list[WindowAuroc]] = {name: [] for name in field.names}
    for window in field.plan.windows:
        resamples = field.resample(window)
        ended = _count_ended(window, field)
        for name, found in windows.items():
            values = field.score_window(name, window)
            pooled, within = (
                Estimate.from_bootstrap(resamples.estimate_auroc(values, within=alone))
                for alone in (False, True)
            )
            found.append(WindowAuroc(window, pooled, within, ended))
    return tuple(
        ScoreResult(name, name in BASELINES, tuple(found)) for name, found in windows.items()
    )


def _count_ended(window: float, field: WindowScores) -> int:
    """Returns how many episodes had succeeded before the end of a window."""
    end = find_window_end(window, field.facts.horizon)
    ended = field.outcomes.steps[field.plan.reference] < end
    return int((ended & ~field.failed).sum())


def _estimate_gains(field: WindowScores) -> dict[str, Estimate]:
    """Returns the early within-task AUROC minus that of each other score, on the same resamples."""
    early, judged = field.plan.early, field.facts.detector
    resamples, mine = field.resample(early), field.score_window(judged, early)
    return {
        name: Estimate.from_bootstrap(
            resamples.estimate_gain(mine, field.score_window(name, early), within=True)
        )
        for name in field.names
        if name != judged
    }


def _bin_reliability(risk: F64, failed: Bools) -> tuple[tuple[RiskBin, ...], float]:
    """Returns bins and their error; none of a score that is no probability.

    Args:
        risk: Score of each episode; NaN where unknown, which is left out. Shape (episodes,).
        failed: Whether it failed. Shape (episodes,).
    """
    known = np.isfinite(risk)
    if not known.any() or not ((risk[known] >= 0) & (risk[known] <= 1)).all():
        return (), float("nan")
    bins = reliability_bins(risk[known], failed[known], bins=_BINS)
    shares = (Share(b.failed, b.n, b.failed / b.n, wilson_interval(b.failed, b.n)) for b in bins)
    found = tuple(
        RiskBin(b.low, b.high, b.mean_risk, hit) for b, hit in zip(bins, shares, strict=True)
    )
    return found, expected_calibration_error(bins)


def _count_alarms(
    scored: BoundaryScores, name: str, failed: Bools, facts: AnalysisContext
) -> tuple[Share, Share]:
    """Returns successes and failures with a score above the threshold after the guard.

    Args:
        scored: Scores by boundary.
        name: Which of them.
        failed: Whether each episode failed. Shape (episodes,).
        facts: Threshold, guard and horizon.
    """
    if not np.isfinite(facts.threshold) or name not in scored.values:
        return _exact_share(failed[:0]), _exact_share(failed[:0])
    values = scored.values[name]
    # Not "value > threshold": an unknown score counts as risk.
    high = ~(values <= facts.threshold) & (scored.k >= find_window_end(facts.guard, facts.horizon))
    alarm = np.zeros(len(failed), bool)
    alarm[scored.episode[high]] = True
    return _exact_share(alarm[~failed]), _exact_share(alarm[failed])


def _exact_share(hits: Bools) -> Share:
    """Returns a share with its exact interval (Clopper and Pearson 1934).

    It is exact because a promise on false alarms is held against it. ``hits`` has shape (n,).
    """
    return compute_exact_share(int(hits.sum()), len(hits))
