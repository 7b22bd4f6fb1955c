"""Lead: the strong policy drives first and gives control back after a number of chunks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aegis.core.capabilities import Dial
from aegis.core.protocols import Context
from aegis.core.types import EpisodeKey, Level, PolicyId, Score, Verdict
from aegis.gates.grids import make_stay_dial
from aegis.gates.limits import check_holds
from aegis.gates.schedule import draw_stay


@dataclass(frozen=True, slots=True)
class LeadSwitch:
    """Lets a strong policy that drives first go on for so many chunks; the weak one finishes.

    It is the blind control that does the hard part (the approach, the grasp) with the strong
    policy. A hand-over that a gate asks for afterwards lasts as long as the verdict says, or to
    the end. Scores are not looked at.

    Attributes:
        holds: Lengths of the lead to draw from, addressed by episode [chunks].

    Raises:
        ConfigError: If there is none, or one is below 1.
    """

    holds: tuple[int, ...]

    def __post_init__(self) -> None:
        check_holds(self.holds)
        object.__setattr__(self, "holds", tuple(self.holds))

    def dials(self) -> Mapping[str, Dial]:
        """Returns the dial of the mean length of the lead."""
        return {"lead": make_stay_dial()}

    def start(self, key: EpisodeKey) -> int | None:
        """Returns the state at the start of an episode: the lead is the stay in force [chunks]."""
        return draw_stay(self.holds, key, 0)

    def transition(
        self,
        state: int | None,
        verdict: Verdict,
        scores: Sequence[Score],
        context: Context,
    ) -> tuple[int | None, PolicyId]:
        """Returns the stay in force [chunks] and who drives from the next boundary on."""
        del scores  # Blind.
        if context.mode.active == context.weak:
            escalate = verdict.level >= Level.ESCALATE
            target = verdict.target or context.strong
            return (verdict.hold, target) if escalate else (None, context.weak)
        back = state is not None and context.dwell >= state
        return (None, context.weak) if back else (state, context.mode.active)
