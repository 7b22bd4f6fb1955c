"""Detector evaluation: how well scores rank failing episodes early, before any hand-over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aegis.core.seeds import root_stream
from aegis.core.types import F64
from aegis.records.fork_rows import UnitKey, unit_key_of
from aegis.stats.auroc import compute_auroc, compute_auroc_within
from aegis.stats.auroc_intervals import auroc_gain, auroc_interval
from aegis.stats.intervals import clopper_pearson_interval, wilson_interval
from aegis.stats.reliability import expected_calibration_error, reliability_bins
from aegis.study.detection.baselines import fitted_risk, split_halves, task_risk
from aegis.study.detection.detector_result import DetectorResult, RiskBin, ScoreResult, WindowAuroc
from aegis.study.estimates import Estimate, Share
from aegis.study.outcomes import I64, Bools, Outcomes
from aegis.study.plan.context import AnalysisContext
from aegis.study.plan.study_plan import StudyPlan

TIME, TASK, PROPRIO = BASELINES = ("time", "task", "proprio")
"""Scores that know nothing of the policy's activations; made here unless they were logged."""
_BINS = 10
_SLACK = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class ReferenceScores:
    """Scores of the reference arm, one entry per chunk boundary. All vectors have shape (m,).

    Attributes:
        episode: Number of the unit in the study's order.
        k: Tick [control steps].
        values: Score by name.
        pose: Proprioception. Shape (m, p); None if it was not kept.
    """

    episode: I64
    k: I64
    values: Mapping[str, F64]
    pose: F64 | None

    @classmethod
    def from_table(
        cls, scores: pa.Table, outcomes: Outcomes, reference: str
    ) -> ReferenceScores | None:
        """Reads the table; None if it has no score of the reference on these units."""
        mine = scores.filter(pc.equal(scores.column("arm"), reference))
        number: dict[UnitKey, int] = {
            unit_key_of(r): i for i, r in enumerate(outcomes.rows[reference])
        }
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
        return cls(
            np.array([i for i, _ in records], np.int64),
            np.array([row["k"] for _, row in records], np.int64),
            {name: np.array([one.get(name, np.nan) for one in values], float) for name in names},
            None if None in poses else np.array(poses, np.float64),
        )

    def episode_means(self, values: F64, before: float, n: int) -> F64:
        """Returns each episode's mean of some values before a tick; NaN without one. Shape (n,)."""
        here = self.k < before
        with np.errstate(invalid="ignore"):
            mean: F64 = np.bincount(self.episode[here], values[here], n) / np.bincount(
                self.episode[here], minlength=n
            )
        return mean

    def last_ticks(self, before: float, n: int) -> F64:
        """Returns each episode's last tick before a tick: all that time alone tells. Shape (n,)."""
        found = np.full(n, -1.0)
        here = self.k < before
        np.maximum.at(found, self.episode[here], self.k[here].astype(np.float64))
        return found


@dataclass(frozen=True, slots=True, eq=False)
class WindowScores:
    """All scores and baselines of a study, by episode and window."""

    scored: ReferenceScores
    outcomes: Outcomes
    plan: StudyPlan
    facts: AnalysisContext

    @property
    def failed(self) -> Bools:
        """Whether the reference failed. Shape (n,)."""
        return ~self.outcomes.success[self.plan.reference]

    @property
    def names(self) -> tuple[str, ...]:
        """Scores that were logged, then baselines made here."""
        made = [TIME, TASK, *([] if self.scored.pose is None else [PROPRIO])]
        return tuple(dict.fromkeys([*self.scored.values, *made]))

    def scores_in_window(self, name: str, window: float) -> F64:
        """Returns each episode's score in a window. Shape (n,)."""
        n, before = self.outcomes.n, _window_end(window, self.facts)
        if name in self.scored.values:
            return self.scored.episode_means(self.scored.values[name], before, n)
        if name == TIME:
            return self.scored.last_ticks(before, n)
        if name == TASK:
            return task_risk(self.failed, self.outcomes.task)
        fold = split_halves(self.outcomes.task, self.outcomes.start)
        return fitted_risk(self._pose_features(before), self.failed, fold)

    def _pose_features(self, before: float) -> F64:
        """Returns where the arm was on average, and where last, before a tick. Shape (n, 2 p)."""
        pose, k, n = self.scored.pose, self.scored.k, self.outcomes.n
        assert pose is not None
        mean = np.column_stack([self.scored.episode_means(column, before, n) for column in pose.T])
        last = np.full(mean.shape, np.nan)
        here = np.flatnonzero(k < before)
        order = here[np.lexsort((k[here], self.scored.episode[here]))]
        last[self.scored.episode[order]] = pose[order]  # of an episode's rows the last one stays
        return np.column_stack([mean, last])


def evaluate_detector(
    outcomes: Outcomes, scores: pa.Table, plan: StudyPlan, facts: AnalysisContext
) -> DetectorResult | None:
    """Judges the recommended arm's score on the reference arm; None if it was not scored.

    Alarms are those of the published rule: its own score, threshold and guard.

    An episode's score is the mean over a fixed first part of the horizon, never of the realised
    length, since in these tasks success ends an episode and its length tells the outcome.
    """
    scored = ReferenceScores.from_table(scores, outcomes, plan.reference)
    if scored is None or facts.detector not in scored.values:
        return None
    alarm = facts.alarm or facts.detector
    field = WindowScores(scored, outcomes, plan, facts)
    results = tuple(_evaluate_score(name, field) for name in field.names)
    named = {result.name: result for result in results}
    early = next(w for w in named[facts.detector].windows if w.window == plan.early)
    bins, error = _bin_reliability(field.scores_in_window(facts.detector, plan.early), field.failed)
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


def _window_end(window: float, facts: AnalysisContext) -> float:
    """Returns the first tick that is no longer in a window, but for rounding."""
    return window * facts.horizon - _SLACK


def _evaluate_score(name: str, field: WindowScores) -> ScoreResult:
    windows = tuple(
        _evaluate_window(field.scores_in_window(name, w), w, field) for w in field.plan.windows
    )
    return ScoreResult(name, name in BASELINES, windows)


def _evaluate_window(values: F64, window: float, field: WindowScores) -> WindowAuroc:
    outcomes, failed, task = field.outcomes, field.failed, field.outcomes.task
    ended = outcomes.steps[field.plan.reference] < _window_end(window, field.facts)
    pooled, within = (
        auroc_interval(
            values, failed, task, _make_rng(outcomes, window), within=alone, draws=field.facts.draws
        )
        for alone in (False, True)
    )
    return WindowAuroc(
        window=window,
        pooled=Estimate(compute_auroc(values, failed), pooled),
        within_task=Estimate(compute_auroc_within(values, failed, task), within),
        ended=int((ended & ~failed).sum()),
    )


def _estimate_gains(field: WindowScores) -> dict[str, Estimate]:
    """Returns the early within-task AUROC minus that of each other score, on the same resamples."""
    early, outcomes = field.plan.early, field.outcomes
    mine = field.scores_in_window(field.facts.detector, early)
    gains = {}
    for name in field.names:
        if name != field.facts.detector:
            found = auroc_gain(
                mine,
                field.scores_in_window(name, early),
                field.failed,
                outcomes.task,
                _make_rng(outcomes, early),
                within=True,
                draws=field.facts.draws,
            )
            gains[name] = Estimate.from_bootstrap(found)
    return gains


def _make_rng(outcomes: Outcomes, window: float) -> np.random.Generator:
    """The same resamples for every score: their differences are paired."""
    return root_stream(outcomes.root, "study", "auroc", repr(window))


def _bin_reliability(risk: F64, failed: Bools) -> tuple[tuple[RiskBin, ...], float]:
    """Returns bins and their error; none of a score that is no probability."""
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
    scored: ReferenceScores, name: str, failed: Bools, facts: AnalysisContext
) -> tuple[Share, Share]:
    """Returns successes and failures with a score above the threshold after the guard."""
    if not np.isfinite(facts.threshold) or name not in scored.values:
        return _exact_share(failed[:0]), _exact_share(failed[:0])
    values = scored.values[name]
    # Not "value > threshold": an unknown score counts as risk.
    high = ~(values <= facts.threshold) & (scored.k >= _window_end(facts.guard, facts))
    alarm = np.zeros(len(failed), bool)
    alarm[scored.episode[high]] = True
    return _exact_share(alarm[~failed]), _exact_share(alarm[failed])


def _exact_share(hits: Bools) -> Share:
    """Returns a share with its exact interval: a promise on false alarms is held against it."""
    count, of = int(hits.sum()), len(hits)
    return Share(count, of, count / of if of else float("nan"), clopper_pearson_interval(count, of))
