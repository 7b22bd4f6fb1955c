"""The published rule: hand over when the calibrated risk threshold is passed, after a guard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan, nan

from aegis.core.capabilities import Dial
from aegis.core.protocols import Context
from aegis.core.types import EpisodeKey, Level, Score, Verdict
from aegis.gates.grids import make_score_dial
from aegis.gates.limits import (
    WORST_SCORE,
    HandoverLimits,
    build_limits,
    check_finite,
    select_scores,
    threshold_verdict,
    unknown_verdict,
    worst_score,
)


@dataclass(frozen=True, slots=True)
class ConformalGate:
    """Fires when a score, or the worst, exceeds a split-conformal threshold (arXiv 2606.06660).

    It fires only while the weak policy drives, at ``k >= guard_fraction * horizon``, with fewer
    than ``ceil(fires_fraction * horizon)`` fires so far. NaN, or no score at all, counts as above
    the threshold.

    Attributes:
        threshold: Scores above it fire; from calibration, hence no default.
        guard_fraction: Share of the horizon without fires.
        fires_fraction: Cap on fires as a share of the horizon.
        score: Name of the score that it reads; None reads the worst of all.

    Raises:
        ConfigError: If the threshold is not finite or a fraction lies outside [0, 1].
    """

    threshold: float
    guard_fraction: float = 0.20
    fires_fraction: float = 0.05
    score: str | None = None
    needs_scores: bool = True

    def __post_init__(self) -> None:
        check_finite("threshold", self.threshold)
        self._build_limits()

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of the scores that it reads; empty if it names none."""
        return () if self.score is None else (self.score,)

    @property
    def quantity(self) -> str:
        """Name of the score that the threshold belongs to; ``risk`` for the worst of all."""
        return self.score or WORST_SCORE

    def measure(self, state: None, scores: Sequence[Score], k: int) -> float:
        """Returns the score that is compared; NaN where it is unknown."""
        return worst_score(select_scores(scores, self.score))

    def bar(self, k: int, horizon: int) -> float:
        """Returns the threshold; NaN before the guard ends."""
        return self.threshold if self._build_limits().allows_fire_at(k, horizon) else nan

    def dials(self) -> Mapping[str, Dial]:
        """Returns the dial of the threshold."""
        return {"threshold": make_score_dial(self.score)}

    def start(self, key: EpisodeKey) -> None:
        """Returns the state at the start of an episode: none."""

    def judge(self, state: None, scores: Sequence[Score], context: Context) -> tuple[None, Verdict]:
        """Judges a chunk boundary."""
        return None, self._build_limits().find_refusal(context) or self._judge_scores(
            scores, context.k
        )

    def _judge_scores(self, scores: Sequence[Score], k: int) -> Verdict:
        risk = self.measure(None, scores, k)
        if isnan(risk):
            return unknown_verdict("risk")
        if risk <= self.threshold:
            return Verdict(Level.STAY, "risk low")
        return threshold_verdict("risk", risk, self.threshold)

    def _build_limits(self) -> HandoverLimits:
        return build_limits(self.guard_fraction, self.fires_fraction)
