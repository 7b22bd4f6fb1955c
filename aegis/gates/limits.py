"""Guard, cap and shared verdict helpers of the gates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, isfinite, isnan, nan

from aegis.core.capabilities import ScoreReader
from aegis.core.errors import ConfigError
from aegis.core.protocols import Context
from aegis.core.types import Level, Score, Verdict

WORST_SCORE = "risk"
"""Quantity of a gate that names no score: the worst of all that there are."""

_SLACK = 1e-9
"""Keeps 0.07 * 100 = 7.000000000000001 from counting as more than 7."""


@dataclass(frozen=True, slots=True)
class HandoverLimits:
    """A guard at the start of the episode and a cap on hand-overs.

    Attributes:
        guard_fraction: No fire before this share of the horizon.
        fires_fraction: At most ``ceil(fires_fraction * horizon)`` fires in an episode.

    Raises:
        ConfigError: If a fraction lies outside [0, 1].
    """

    guard_fraction: float
    fires_fraction: float

    def __post_init__(self) -> None:
        for name in ("guard_fraction", "fires_fraction"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise ConfigError(f"{name} must lie in [0, 1]. Got: {value}.")

    def find_refusal(self, context: Context) -> Verdict | None:
        """Returns the verdict to stay when no fire is allowed here, else None."""
        if context.mode.active == context.strong:
            return Verdict(Level.STAY, "strong drives")
        if context.k < self.guard_fraction * context.horizon - _SLACK:
            return Verdict(Level.STAY, "guard")
        if context.fires >= self.compute_cap(context.horizon):
            return Verdict(Level.STAY, "cap")
        return None

    def allows_fire_at(self, k: int, horizon: int) -> bool:
        """Returns whether a first hand-over can happen at a tick: guard over, cap not 0.

        Args:
            k: Tick [control steps].
            horizon: Longest episode [control steps].
        """
        return k >= self.guard_fraction * horizon - _SLACK and self.compute_cap(horizon) > 0

    def compute_cap(self, horizon: int) -> int:
        """Returns the largest number of fires in an episode."""
        return ceil(self.fires_fraction * horizon - _SLACK)


@lru_cache(maxsize=64)
def build_limits(guard_fraction: float, fires_fraction: float) -> HandoverLimits:
    """Returns the limits of a gate; checked at the first call, since a gate asks at every chunk."""
    return HandoverLimits(guard_fraction, fires_fraction)


def select_scores(scores: Sequence[Score], name: str | None) -> Sequence[Score]:
    """Returns the score of one detector, or all for None; empty if there is none of that name."""
    return scores if name is None else [score for score in scores if score.detector == name]


def scores_read_by(rule: object) -> tuple[str, ...]:
    """Returns the names of the scores that a gate or switch reads; empty if it names none."""
    return tuple(rule.reads) if isinstance(rule, ScoreReader) else ()


def worst_score(scores: Sequence[Score]) -> float:
    """Returns the highest score; NaN when one is NaN or there is none."""
    values = [score.value for score in scores]
    return nan if not values or any(map(isnan, values)) else max(values)


def unknown_verdict(noun: str) -> Verdict:
    """Returns the verdict on a value that is not known: it counts as above every threshold."""
    return Verdict(Level.ESCALATE, f"{noun} unknown")


def threshold_verdict(noun: str, value: float, threshold: float) -> Verdict:
    """Returns the verdict on a value: to escalate where it exceeds a threshold, or is no number."""
    # In this direction NaN, which compares as false, escalates.
    if value <= threshold:
        return Verdict(Level.STAY, f"{noun} {value:.3f} <= {threshold:.3f}")
    return Verdict(Level.ESCALATE, f"{noun} {value:.3f} > {threshold:.3f}")


def check_holds(holds: Sequence[int]) -> None:
    """Refuses hold lengths that are not at least one chunk.

    Raises:
        ConfigError: If there is none, or one is below 1.
    """
    if not holds or min(holds) < 1:
        raise ConfigError(f"holds must be at least one number >= 1 [chunks]. Got: {holds}.")


def check_finite(name: str, value: float) -> None:
    """Refuses NaN and infinity.

    Raises:
        ConfigError: If the value is not finite.
    """
    if not isfinite(value):
        raise ConfigError(f"{name} must be finite. Got: {value}.")
