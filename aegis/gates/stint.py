"""One stay of the strong policy at a random time: what shows whether control can be given back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aegis.core.errors import ConfigError
from aegis.core.protocols import Context
from aegis.core.seeds import episode_stream
from aegis.core.types import EpisodeKey, Level, Score, Verdict
from aegis.gates.limits import check_holds


@dataclass(frozen=True, slots=True)
class Stint:
    """The stay that an episode has.

    Attributes:
        tick: It is asked for at the first chunk boundary from here on [control steps].
        hold: Its length [chunks].
    """

    tick: int
    hold: int


@dataclass(frozen=True, slots=True)
class StintGate:
    """Fires once per episode, at a random tick, for a random length, whatever the scores say.

    What follows a stay is drawn with the stay, by the address of the episode and the range: a
    detector that is fitted to it learns how the weak policy ends from states that the strong one
    left behind, not only from those that it came to itself.

    Attributes:
        low: Earliest tick [control steps].
        high: The tick lies below this one [control steps].
        holds: Lengths of stay to draw from [chunks].

    Raises:
        ConfigError: If the range is empty or a length is below 1.
    """

    low: int
    high: int
    holds: tuple[int, ...]
    needs_scores: bool = False

    def __post_init__(self) -> None:
        check_holds(self.holds)
        object.__setattr__(self, "holds", tuple(self.holds))
        if not 0 <= self.low < self.high:
            raise ConfigError(
                f"A stay begins at low <= tick < high, from 0 on. Got: low {self.low}, high "
                f"{self.high}."
            )

    def start(self, key: EpisodeKey) -> Stint:
        """Returns the state at the start of an episode: its stay."""
        # The window is part of the address: arms with different windows draw independently of one
        # another.
        rng = episode_stream(key, "gate", "stint", self.low, self.high)
        return Stint(int(rng.integers(self.low, self.high)), int(rng.choice(self.holds)))

    def judge(
        self, state: Stint, scores: Sequence[Score], context: Context
    ) -> tuple[Stint, Verdict]:
        """Judges a chunk boundary."""
        del scores  # Blind.
        if context.mode.active != context.weak:
            return state, Verdict(Level.STAY, "strong drives")
        if context.fires or context.k < state.tick:
            return state, Verdict(Level.STAY, "over" if context.fires else "not yet")
        return state, Verdict(Level.ESCALATE, f"drawn at {state.tick}", state.hold)
