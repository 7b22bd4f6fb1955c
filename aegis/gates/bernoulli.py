"""Random hand-over: the placebo, with the guard, cap and hold lengths of the gate under test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aegis.core.capabilities import Dial
from aegis.core.errors import ConfigError
from aegis.core.protocols import Context
from aegis.core.seeds import episode_stream
from aegis.core.types import EpisodeKey, Level, Score, Verdict
from aegis.gates.grids import list_chances
from aegis.gates.limits import HandoverLimits, build_limits, check_holds
from aegis.gates.schedule import draw_stay


@dataclass(frozen=True, slots=True)
class RandomGate:
    """Fires with a fixed probability at each chunk boundary of the weak policy, after a guard.

    Draws are addressed by episode and tick, so a rate changes how often it fires but not where
    the coins fall: a higher rate fires wherever a lower one would.

    Attributes:
        rate: Probability of a fire per weak chunk; matched to a duty cycle on calibration episodes.
        holds: Lengths of stay with the strong policy to draw from [chunks].
        guard_fraction: Share of the horizon without fires.
        fires_fraction: Cap on fires as a share of the horizon.

    Raises:
        ConfigError: If a number is out of range.
    """

    rate: float
    holds: tuple[int, ...]
    guard_fraction: float = 0.20
    fires_fraction: float = 0.05
    needs_scores: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.rate <= 1:
            raise ConfigError(f"rate must lie in [0, 1]. Got: {self.rate}.")
        check_holds(self.holds)
        object.__setattr__(self, "holds", tuple(self.holds))
        self._build_limits()

    def dials(self) -> Mapping[str, Dial]:
        """Returns the dial of the rate."""
        return {"rate": Dial(("rate",), rises=True, list_settings=list_chances)}

    def start(self, key: EpisodeKey) -> EpisodeKey:
        """Returns the state at the start of an episode: its address."""
        return key

    def judge(
        self, state: EpisodeKey, scores: Sequence[Score], context: Context
    ) -> tuple[EpisodeKey, Verdict]:
        """Judges a chunk boundary."""
        del scores  # Blind.
        refusal = self._build_limits().find_refusal(context)
        if refusal is not None:
            return state, refusal
        # Drawn at an address that holds the tick, so it does not matter how often the gate was
        # asked before. Numbers lie below 1: a rate of 1 always fires, and one of 0 never.
        if episode_stream(state, "gate", context.k).random() >= self.rate:
            return state, Verdict(Level.STAY, "not drawn")
        return state, Verdict(Level.ESCALATE, "drawn", draw_stay(self.holds, state, context.fires))

    def _build_limits(self) -> HandoverLimits:
        return build_limits(self.guard_fraction, self.fires_fraction)
