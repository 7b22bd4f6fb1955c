"""Hands over where a short stay is likely to turn a failure into a success: risk and rescue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf, isnan, nan

from aegis.core.capabilities import ADDED_LATER, Dial
from aegis.core.errors import ConfigError
from aegis.core.protocols import Context
from aegis.core.types import EpisodeKey, Score, Verdict
from aegis.gates.grids import list_chance_differences
from aegis.gates.limits import (
    HandoverLimits,
    build_limits,
    check_finite,
    select_scores,
    threshold_verdict,
    unknown_verdict,
    worst_score,
)


@dataclass(frozen=True, slots=True)
class RescueGate:
    """Fires when the expected advantage of a short stay exceeds a threshold.

    With risk the chance that the weak policy, left alone, fails, and rescue the chance that the
    episode succeeds when the strong policy drives for a short stay from here, a stay gains
    ``rescue - (1 - risk)`` episodes. A rescue that was fitted to failures only is a chance given
    failure; with the chance that a stay ruins what the weak policy would have solved, it gains
    ``risk * rescue - caution * (1 - risk) * disruption``. What a stay ruins depends on the moment,
    too: with a third score, ``disruption`` is ``1 - keep``. Where nearly everything fails, risk
    alone says nothing about where help is worth it. A score that is missing, or NaN, counts as
    above the threshold. It fires only while the weak policy drives, within the limits of
    ``ConformalGate``.

    Attributes:
        threshold: Advantages above it fire; in episodes solved per stay, from -1 to 1.
        risk: Name of the score that is read as the risk of failure.
        rescue: Name of the score that is read as the chance of success after a stay.
        guard_fraction: Share of the horizon without fires.
        fires_fraction: Cap on fires as a share of the horizon.
        disruption: None: rescue is the chance of success after a stay. A number: rescue is that of
            an episode that the weak policy would fail, and this the chance that a stay ruins one
            that it would solve.
        keep: Instead of a disruption: name of the score that is read as the chance of success after
            a stay in an episode that the weak policy would solve; None reads none.
        caution: How many rescued failures weigh as much as one ruined success; 1 counts episodes,
            more spends the same duty with less harm.

    Raises:
        ConfigError: If the threshold is not finite, a fraction or the disruption lies outside
            [0, 1], two scores are one, disruption and keep are both given, or caution is no finite
            number from 0 up or weighs nothing.
    """

    threshold: float
    risk: str
    rescue: str
    guard_fraction: float = 0.0
    fires_fraction: float = 1.0
    needs_scores: bool = True
    disruption: float | None = field(default=None, metadata=ADDED_LATER)
    keep: str | None = field(default=None, metadata=ADDED_LATER)
    caution: float = field(default=1.0, metadata=ADDED_LATER)

    def __post_init__(self) -> None:
        check_finite("threshold", self.threshold)
        if len(set(self.reads)) < len(self.reads):
            raise ConfigError(
                f"risk, rescue and keep must be different scores. Got: {', '.join(self.reads)}."
            )
        if self.disruption is not None and self.keep is not None:
            raise ConfigError(
                f"disruption and keep say the same, as one number and for each moment. Got: "
                f"{self.disruption} and '{self.keep}'. Leave one of them null."
            )
        if self.disruption is not None and not 0 <= self.disruption <= 1:
            raise ConfigError(
                f"disruption is a chance; it must lie in [0, 1]. Got: {self.disruption}. Leave it "
                "null where rescue was fitted on all episodes."
            )
        self._check_caution()
        self._build_limits()

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of the scores that it reads."""
        both = (self.risk, self.rescue)
        return both if self.keep is None else (*both, self.keep)

    @property
    def quantity(self) -> str:
        """What is compared with the threshold: the advantage, made of two or three scores."""
        return "advantage"

    def measure(self, state: None, scores: Sequence[Score], k: int) -> float:
        """Returns the expected advantage of a stay [episodes]; NaN where a score is unknown."""
        risk, rescue, *kept = (worst_score(select_scores(scores, name)) for name in self.reads)
        disruption = 1 - kept[0] if kept else self.disruption
        if disruption is None:
            # In this order a sure rescue leaves the risk as it is, to the last digit.
            return risk + (rescue - 1)
        return risk * rescue - self.caution * ((1 - risk) * disruption)

    def bar(self, k: int, horizon: int) -> float:
        """Returns the threshold; NaN before the guard ends."""
        return self.threshold if self._build_limits().allows_fire_at(k, horizon) else nan

    def dials(self) -> Mapping[str, Dial]:
        """Returns the dial of the threshold, a difference of chances."""
        return {
            "threshold": Dial(("threshold",), rises=False, list_settings=list_chance_differences)
        }

    def start(self, key: EpisodeKey) -> None:
        """Returns the state at the start of an episode: none."""

    def judge(self, state: None, scores: Sequence[Score], context: Context) -> tuple[None, Verdict]:
        """Judges a chunk boundary."""
        return None, self._build_limits().find_refusal(context) or self._judge_scores(
            scores, context.k
        )

    def _judge_scores(self, scores: Sequence[Score], k: int) -> Verdict:
        advantage = self.measure(None, scores, k)
        if isnan(advantage):
            return unknown_verdict("advantage")
        return threshold_verdict("advantage", advantage, self.threshold)

    def _check_caution(self) -> None:
        if not 0 <= self.caution < inf:
            raise ConfigError(
                f"caution must be a finite number from 0 up. Got: {self.caution}. 1 counts a "
                "ruined success as one rescued failure."
            )
        if self.caution != 1 and self.disruption is None and self.keep is None:
            raise ConfigError(
                f"caution weighs what a stay ruins, and neither disruption nor keep says that. "
                f"Got: {self.caution}. Give one of them, or leave caution at 1."
            )

    def _build_limits(self) -> HandoverLimits:
        return build_limits(self.guard_fraction, self.fires_fraction)
