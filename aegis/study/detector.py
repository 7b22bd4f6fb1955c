"""Detector: how well scores rank failing episodes early, before anybody has handed over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aegis.core.seeds import stream
from aegis.core.types import F64
from aegis.stats.auroc import auroc, auroc_within
from aegis.stats.auroc_intervals import auroc_gain, auroc_interval
from aegis.stats.calibration import calibration_error, reliability
from aegis.stats.intervals import clopper_pearson, wilson
from aegis.study.facts import Facts
from aegis.study.outcomes import I64, Bools, Outcomes
from aegis.study.plan import StudyPlan
from aegis.study.result import Bin, DetectorResult, Estimate, ScoreResult, Share, WindowAuroc
from aegis.study.tables import Unit, unit_of

TIME, TASK, PROPRIO = BASELINES = ("time", "task", "proprio")
"""Scores that know nothing of the policy's activations; ``time`` is made here, of ticks alone."""
_BINS = 10
_SLACK = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Scores of the reference arm, one entry per chunk boundary. All vectors have shape (m,).

    Attributes:
        episode: Number of the unit in the study's order.
        k: Tick [control steps].
        values: Score by name.
    """

    episode: I64
    k: I64
    values: Mapping[str, F64]

    @classmethod
    def of(cls, scores: pa.Table, outcomes: Outcomes, reference: str) -> Scored | None:
        """Reads the table; None if it has no score of the reference on these units."""
        mine = scores.filter(pc.equal(scores.column("arm"), reference))
        number: dict[Unit, int] = {unit_of(r): i for i, r in enumerate(outcomes.rows[reference])}
        records = [
            (number[unit], row["k"], dict(row["scores"]))
            for row in mine.to_pylist()
            if (unit := (row["task"], row["start"], row["index"])) in number and row["scores"]
        ]
        if not records:
            return None
        names = sorted({name for _, _, values in records for name in values})
        return cls(
            np.array([i for i, _, _ in records], np.int64),
            np.array([k for _, k, _ in records], np.int64),
            {
                name: np.array([v.get(name, np.nan) for _, _, v in records], np.float64)
                for name in names
            },
        )

    def mean(self, name: str, before: float, n: int) -> F64:
        """Returns each episode's mean score before a tick; NaN without one. Shape (n,)."""
        here = self.k < before
        values, episode = self.values[name][here], self.episode[here]
        counts = np.bincount(episode, minlength=n)
        with np.errstate(invalid="ignore"):
            mean: F64 = np.bincount(episode, values, n) / counts
        return mean

    def last(self, before: float, n: int) -> F64:
        """Returns each episode's last tick before a tick: all that time alone tells. Shape (n,)."""
        found = np.full(n, -1.0)
        here = self.k < before
        np.maximum.at(found, self.episode[here], self.k[here].astype(np.float64))
        return found


def detector_result(
    outcomes: Outcomes, scores: pa.Table, plan: StudyPlan, facts: Facts
) -> DetectorResult | None:
    """Judges the published rule's score on the reference arm; None if it was not scored.

    An episode's score is the mean over a fixed first part of the horizon, never of the realised
    length, since in these tasks success ends an episode and its length tells the outcome.
    """
    scored = Scored.of(scores, outcomes, plan.reference)
    if scored is None or facts.detector not in scored.values:
        return None
    results = tuple(_score(name, scored, outcomes, plan, facts) for name in (*scored.values, TIME))
    named = {result.name: result for result in results}
    early = next(w for w in named[facts.detector].windows if w.window == plan.early)
    failed = ~outcomes.success[plan.reference]
    bins, error = _reliability(
        scored.mean(facts.detector, _end(plan.early, facts), outcomes.n), failed
    )
    false_alarms, alarms = _alarms(scored, failed, facts)
    return DetectorResult(
        name=facts.detector,
        early=plan.early,
        auroc_early=early.pooled,
        auroc_early_within_task=early.within_task,
        scores=results,
        gain=_gains(scored, outcomes, plan, facts),
        reliability=bins,
        calibration_error=error,
        alpha=facts.false_alarms,
        false_alarms=false_alarms,
        alarms=alarms,
    )


def _end(window: float, facts: Facts) -> float:
    """Returns the first tick that is no longer in a window, but for rounding."""
    return window * facts.horizon - _SLACK


def _episode_scores(scored: Scored, name: str, window: float, facts: Facts, n: int) -> F64:
    end = _end(window, facts)
    return scored.last(end, n) if name == TIME else scored.mean(name, end, n)


def _score(
    name: str, scored: Scored, outcomes: Outcomes, plan: StudyPlan, facts: Facts
) -> ScoreResult:
    failed, task = ~outcomes.success[plan.reference], outcomes.task
    windows = []
    for window in plan.windows:
        values = _episode_scores(scored, name, window, facts, outcomes.n)
        ended = outcomes.steps[plan.reference] < _end(window, facts)
        found = {
            within: auroc_interval(
                values, failed, task, _rng(outcomes, window), within=within, draws=facts.draws
            )
            for within in (False, True)
        }
        windows.append(
            WindowAuroc(
                window=window,
                pooled=Estimate(auroc(values, failed), found[False]),
                within_task=Estimate(auroc_within(values, failed, task), found[True]),
                ended=int((ended & ~failed).sum()),
            )
        )
    return ScoreResult(name, name in BASELINES, tuple(windows))


def _gains(
    scored: Scored, outcomes: Outcomes, plan: StudyPlan, facts: Facts
) -> dict[str, Estimate]:
    """Returns the early within-task AUROC minus that of each other score, on the same resamples."""
    failed, n = ~outcomes.success[plan.reference], outcomes.n
    mine = _episode_scores(scored, facts.detector, plan.early, facts, n)
    gains = {}
    for name in (*scored.values, TIME):
        if name != facts.detector:
            other = _episode_scores(scored, name, plan.early, facts, n)
            rng = _rng(outcomes, plan.early)
            found = auroc_gain(
                mine, other, failed, outcomes.task, rng, within=True, draws=facts.draws
            )
            gains[name] = Estimate(found.value, found.interval)
    return gains


def _rng(outcomes: Outcomes, window: float) -> np.random.Generator:
    """The same resamples for every score: their differences are paired."""
    return stream(outcomes.root, "study", "auroc", repr(window))


def _reliability(risk: F64, failed: Bools) -> tuple[tuple[Bin, ...], float]:
    """Returns bins and their error; none of a score that is no probability."""
    known = np.isfinite(risk)
    if not known.any() or not ((risk[known] >= 0) & (risk[known] <= 1)).all():
        return (), float("nan")
    bins = reliability(risk[known], failed[known], bins=_BINS)
    shares = (Share(b.failed, b.n, b.failed / b.n, wilson(b.failed, b.n)) for b in bins)
    found = tuple(Bin(b.low, b.high, b.mean_risk, hit) for b, hit in zip(bins, shares, strict=True))
    return found, calibration_error(bins)


def _alarms(scored: Scored, failed: Bools, facts: Facts) -> tuple[Share, Share]:
    """Returns successes and failures with a score above the threshold after the guard."""
    if not np.isfinite(facts.threshold):
        return _exact(failed[:0]), _exact(failed[:0])
    values = scored.values[facts.detector]
    # Not "value > threshold": an unknown score counts as risk.
    high = ~(values <= facts.threshold) & (scored.k >= _end(facts.guard, facts))
    alarm = np.zeros(len(failed), bool)
    alarm[scored.episode[high]] = True
    return _exact(alarm[~failed]), _exact(alarm[failed])


def _exact(hits: Bools) -> Share:
    """Returns a share with its exact interval: a promise on false alarms is held against it."""
    count, of = int(hits.sum()), len(hits)
    return Share(count, of, count / of if of else float("nan"), clopper_pearson(count, of))
