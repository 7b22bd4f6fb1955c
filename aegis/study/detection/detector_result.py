"""Detector result: every number about how well scores foresee failure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from aegis.study.estimates import Estimate, Share


@dataclass(frozen=True, slots=True)
class WindowAuroc:
    """How well a score ranks failing episodes in a fixed first part of the horizon.

    Attributes:
        window: The part, as a share of the horizon.
        pooled: AUROC over all pairs of a failing and a successful episode.
        within_task: AUROC over pairs of the same task.
        ended: Successful episodes that were over before the end of the window.
    """

    window: float
    pooled: Estimate
    within_task: Estimate
    ended: int


@dataclass(frozen=True, slots=True)
class ScoreResult:
    """One score on the reference arm's episodes.

    Attributes:
        name: The detector, or the baseline: ``time``, ``task``, ``proprio``.
        baseline: Whether it is one.
        windows: AUROC of the episode's mean score in windows of the horizon.
    """

    name: str
    baseline: bool
    windows: tuple[WindowAuroc, ...]


@dataclass(frozen=True, slots=True)
class RiskBin:
    """Episodes whose risk lay in a range, and how many of them failed."""

    low: float
    high: float
    mean_risk: float
    failed: Share


@dataclass(frozen=True, slots=True)
class DetectorResult:
    """The score that the recommended arm reads, judged on the reference arm, before any hand-over.

    Attributes:
        name: The score that this is about.
        early: The window that counts as early, share of the horizon.
        auroc_early: Pooled AUROC in it.
        auroc_early_within_task: AUROC over pairs of episodes of the same task.
        scores: All scores and baselines, in all windows.
        gain: Within-task AUROC minus that of each other score, early; paired bootstrap by episode.
        reliability: Calibration curve of the risk, by episode, early.
        calibration_error: Expected calibration error of it.
        alarm: The score of the published rule, which the rest is about.
        alpha: False alarms that its threshold was set for; NaN if there is none.
        false_alarms: Successful episodes in which it passed the threshold after the guard.
        alarms: Failed episodes in which it did.
    """

    name: str
    early: float
    auroc_early: Estimate
    auroc_early_within_task: Estimate
    scores: tuple[ScoreResult, ...]
    gain: Mapping[str, Estimate]
    reliability: tuple[RiskBin, ...]
    calibration_error: float
    alarm: str
    alpha: float
    false_alarms: Share
    alarms: Share

    def summarise_baselines(self) -> dict[str, object]:
        """Returns the early AUROC of each baseline, for those who look for these alone."""
        return {
            score.name: {
                "auroc_early": asdict(window.pooled),
                "auroc_early_within_task": asdict(window.within_task),
            }
            for score in self.scores
            for window in score.windows
            if score.baseline and window.window == self.early
        }
