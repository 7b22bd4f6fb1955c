"""Hands over where the expected gain exceeds a price: a risk counts less when help comes late."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf, isnan, nan

from aegis.core.capabilities import Dial
from aegis.core.errors import ConfigError
from aegis.core.protocols import Context
from aegis.core.types import EpisodeKey, Score, Verdict
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
class GainGate:
    """Fires when the expected gain of a hand-over exceeds a threshold.

    With p the risk that the weak policy fails, r(k) the chance that the strong one still recovers
    such an episode when it takes over at tick k, and d the chance that it ruins one that the weak
    policy would have solved, a hand-over gains ``p r(k) - (1 - p) d``. At a threshold of 0 this is
    the condition for a hand-over to pay at all, ``p > d / (r + d)`` (the Intervention Paradox,
    arXiv 2602.03338); above 0 it is a price, so that a budget goes to where it is worth most. NaN,
    or no score at all, counts as above the threshold. It fires only while the weak policy drives,
    within the limits of ``ConformalGate``.

    Attributes:
        threshold: Gains above it fire; in episodes solved per hand-over.
        ticks: Where recovery is known [control steps]; ascending.
        recovery: r at these ticks; straight lines between them, level beyond them.
        disruption: d.
        guard_fraction: Share of the horizon without fires.
        fires_fraction: Cap on fires as a share of the horizon.
        score: Name of the score that it reads; None reads the worst of all.

    Raises:
        ConfigError: If a number is out of range, or ticks and recovery do not fit together.
    """

    threshold: float
    ticks: tuple[int, ...]
    recovery: tuple[float, ...]
    disruption: float
    guard_fraction: float = 0.0
    fires_fraction: float = 1.0
    score: str | None = None
    needs_scores: bool = True

    def __post_init__(self) -> None:
        check_finite("threshold", self.threshold)
        for name in ("ticks", "recovery"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if not self.ticks or len(self.ticks) != len(self.recovery):
            raise ConfigError(
                f"ticks and recovery must be equally long, and not empty. Got: {len(self.ticks)} "
                f"and {len(self.recovery)} numbers."
            )
        if not all(early < late for early, late in pairwise(self.ticks)):
            raise ConfigError(f"ticks must ascend. Got: {list(self.ticks)}.")
        if not all(0 <= chance <= 1 for chance in (*self.recovery, self.disruption)):
            raise ConfigError(
                "recovery and disruption are chances; they must lie in [0, 1]. Got: "
                f"{list(self.recovery)} and {self.disruption}."
            )
        self._build_limits()

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of the scores that it reads; empty if it names none."""
        return () if self.score is None else (self.score,)

    @property
    def quantity(self) -> str:
        """Name of the score that is read as p; ``risk`` for the worst of all."""
        return self.score or WORST_SCORE

    def measure(self, state: None, scores: Sequence[Score], k: int) -> float:
        """Returns p; NaN where it is unknown."""
        return worst_score(select_scores(scores, self.score))

    def bar(self, k: int, horizon: int) -> float:
        """Returns the risk above which the gain exceeds its price at a tick.

        The gain ``p r - (1 - p) d``, solved for p. NaN before the guard ends, and where not even
        certain failure is worth the price.
        """
        if not self._build_limits().allows_fire_at(k, horizon):
            return nan
        # The gain p r - (1 - p) d exceeds the threshold where p exceeds (threshold + d) / (r + d).
        price = self.threshold + self.disruption
        worth = self.interpolate_recovery(k) + self.disruption
        if worth == 0:  # Neither recovers nor ruins: the gain is 0, whatever the risk.
            return -inf if price < 0 else nan
        # Above 1 it is a bar that no probability can exceed.
        return price / worth if price <= worth else nan

    def dials(self) -> Mapping[str, Dial]:
        """Returns the dial of the price; the scores, chances too, are as good a grid as any."""
        return {"threshold": make_score_dial(self.score)}

    def start(self, key: EpisodeKey) -> None:
        """Returns the state at the start of an episode: none."""

    def judge(self, state: None, scores: Sequence[Score], context: Context) -> tuple[None, Verdict]:
        """Judges a chunk boundary."""
        return None, self._build_limits().find_refusal(context) or self._judge_scores(
            scores, context.k
        )

    def interpolate_recovery(self, k: int) -> float:
        """Returns the chance of recovery when the strong policy takes over at a tick.

        Args:
            k: Tick [control steps].
        """
        if k <= self.ticks[0]:
            return self.recovery[0]
        for i, (low, high) in enumerate(pairwise(self.ticks)):
            if k <= high:
                share = (k - low) / (high - low)
                return self.recovery[i] + share * (self.recovery[i + 1] - self.recovery[i])
        return self.recovery[-1]

    def _judge_scores(self, scores: Sequence[Score], k: int) -> Verdict:
        risk = self.measure(None, scores, k)
        if isnan(risk):
            return unknown_verdict("risk")
        gain = risk * self.interpolate_recovery(k) - (1 - risk) * self.disruption
        return threshold_verdict("gain", gain, self.threshold)

    def _build_limits(self) -> HandoverLimits:
        return build_limits(self.guard_fraction, self.fires_fraction)
