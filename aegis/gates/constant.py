"""Gates that never or always want to hand over: the arms that bound every other gate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aegis.core.protocols import Context
from aegis.core.types import EpisodeKey, Level, Score, Verdict


@dataclass(frozen=True, slots=True)
class NeverGate:
    """Leaves control where it is: the weak-only and, with ``first`` strong, strong-only arms."""

    needs_scores: bool = False

    def start(self, key: EpisodeKey) -> None:
        """Returns the state at the start of an episode: none."""

    def judge(self, state: None, scores: Sequence[Score], context: Context) -> tuple[None, Verdict]:
        """Judges a chunk boundary."""
        return None, Verdict(Level.STAY, "never")


@dataclass(frozen=True, slots=True)
class AlwaysGate:
    """Wants the strong policy at every boundary: hand-over as early as can be, without a guard."""

    needs_scores: bool = False

    def start(self, key: EpisodeKey) -> None:
        """Returns the state at the start of an episode: none."""

    def judge(self, state: None, scores: Sequence[Score], context: Context) -> tuple[None, Verdict]:
        """Judges a chunk boundary."""
        return None, Verdict(Level.ESCALATE, "always")
