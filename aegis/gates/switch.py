"""The switch: turns verdicts into who drives, with a least stay and hysteresis on the way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, isnan

from aegis.core.errors import ConfigError
from aegis.core.protocols import Context
from aegis.core.types import EpisodeKey, Level, PolicyId, Score, Verdict
from aegis.gates.limits import select_scores, worst_score


@dataclass(frozen=True, slots=True)
class HysteresisSwitch:
    """Hands over on ESCALATE; gives control back after a stay, when the weak policy's risk is low.

    A hand-over goes to the rung that the verdict names, else to the next one up. Back to the weak
    policy when all of these hold: the stronger one drove at least ``hold_chunks`` chunks, the gate
    does not ask to escalate, and the (shadow) score that it reads, or every one, is finite and
    below ``release``. A verdict that carried a hold length overrides this: control returns after
    exactly that many chunks. NaN, or no score, never releases.

    Attributes:
        release: Scores below it give control back. Minus infinity never does.
        hold_chunks: Least stay with the strong policy [chunks].
        max_chunks: Stay after which any finite score gives control back [chunks]; None for no end.
        threshold: The gate's threshold, if it has one; just to refuse a release above it.
        score: Name of the score that it reads; None reads all.

    Raises:
        ConfigError: If the numbers cannot make a hysteresis.
    """

    release: float
    hold_chunks: int = 3
    max_chunks: int | None = None
    threshold: float | None = None
    score: str | None = None

    def __post_init__(self) -> None:
        if self.hold_chunks < 1:
            raise ConfigError(f"hold_chunks must be at least 1. Got: {self.hold_chunks}.")
        if self.max_chunks is not None and self.max_chunks < self.hold_chunks:
            raise ConfigError(
                f"max_chunks must be at least hold_chunks {self.hold_chunks}. "
                f"Got: {self.max_chunks}."
            )
        if isnan(self.release):
            raise ConfigError("release must be a number. Got: NaN.")
        if self.threshold is not None and not self.release <= self.threshold:
            raise ConfigError(
                f"release {self.release} must not exceed the gate's threshold {self.threshold}."
            )

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of the scores that it reads; empty if it names none."""
        return () if self.score is None else (self.score,)

    def start(self, key: EpisodeKey) -> int | None:
        """Returns the state at the start of an episode: no exact hold in force."""
        return None

    def transition(
        self,
        state: int | None,
        verdict: Verdict,
        scores: Sequence[Score],
        context: Context,
    ) -> tuple[int | None, PolicyId]:
        """Returns the exact hold in force [chunks] and who drives from the next boundary on."""
        escalate = verdict.level >= Level.ESCALATE
        target = verdict.target or context.next_rung
        if escalate and target != context.mode.active:
            return verdict.hold, target
        if context.mode.active == context.weak:
            return None, context.weak
        if state is not None:
            back = context.dwell >= state
        else:
            back = context.dwell >= self.hold_chunks and self._is_safe(
                verdict, scores, context.dwell
            )
        return (None, context.weak) if back else (state, context.mode.active)

    def _is_safe(self, verdict: Verdict, scores: Sequence[Score], dwell: int) -> bool:
        read = select_scores(scores, self.score)
        # Before max_chunks: however long the stay, an unknown score gives nothing back.
        if not all(isfinite(score.value) for score in read) or not read:
            return False
        if self.max_chunks is not None and dwell >= self.max_chunks:
            return True
        return verdict.level < Level.ESCALATE and worst_score(read) < self.release
