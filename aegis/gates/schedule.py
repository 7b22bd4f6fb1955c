"""Blind hand-over at fixed ticks: the control that shows what a probe adds to mere timing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aegis.core.capabilities import Dial
from aegis.core.errors import ConfigError, UnknownNameError
from aegis.core.protocols import Context
from aegis.core.seeds import episode_stream
from aegis.core.types import EpisodeKey, Level, Score, Verdict
from aegis.gates.grids import make_stay_dial, make_tick_dial
from aegis.gates.limits import HandoverLimits, build_limits, check_holds

_ORDERS = ("cycle", "draw")


@dataclass(frozen=True, slots=True)
class ScheduleGate:
    """Fires at the first chunk boundary from ``start_tick`` on, whatever the scores say.

    Attributes:
        start_tick: Tick of the first fire [control steps].
        holds: Lengths of stay with the strong policy [chunks], for example those that the gate
            under test had on calibration episodes.
        period: Ticks from each return of the weak policy to the next fire [control steps]; None
            fires once.
        order: ``"cycle"`` takes the holds in turn; ``"draw"`` draws them, addressed by episode and
            fire.
        fires_fraction: Cap on fires as a share of the horizon.

    Raises:
        ConfigError: If a number is out of range.
        UnknownNameError: If the order does not exist.
    """

    start_tick: int
    holds: tuple[int, ...]
    period: int | None = None
    order: str = "draw"
    fires_fraction: float = 0.05
    needs_scores: bool = False

    def __post_init__(self) -> None:
        check_holds(self.holds)
        object.__setattr__(self, "holds", tuple(self.holds))
        self._build_limits()
        if self.start_tick < 0 or (self.period is not None and self.period < 0):
            given = f"start_tick {self.start_tick}, period {self.period}"
            raise ConfigError(f"start_tick and period must not be negative. Got: {given}.")
        if self.order not in _ORDERS:
            raise UnknownNameError("order", self.order, _ORDERS, "ScheduleGate")

    def dials(self) -> Mapping[str, Dial]:
        """Returns its dials.

        ``start`` is the tick of the first hand-over; ``hold`` the mean length of a stay; ``stint``
        that of a stay at the best of several ticks; ``period`` the wait between stays; ``every``
        the wait before the first stay, too.
        """
        return {
            "start": make_tick_dial("start_tick"),
            "hold": make_stay_dial(),
            "stint": make_stay_dial(tick_argument="start_tick"),
            "period": make_tick_dial("period"),
            "every": make_tick_dial("period", "start_tick"),
        }

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
        due = self._find_next_tick(context)
        if due is None or context.k < due:
            return state, Verdict(Level.STAY, "not scheduled")
        hold = self._choose_stay(state, context.fires)
        return state, Verdict(Level.ESCALATE, f"scheduled at {due}", hold)

    def _find_next_tick(self, context: Context) -> int | None:
        """Returns the tick of the next fire [control steps]."""
        if context.fires == 0:
            return self.start_tick
        # From when the weak policy got control back: a long stay leaves it as much time as a short
        # one.
        return None if self.period is None else context.mode.since_k + self.period

    def _choose_stay(self, key: EpisodeKey, fire: int) -> int:
        if self.order == "cycle":
            return self.holds[fire % len(self.holds)]
        return draw_stay(self.holds, key, fire)

    def _build_limits(self) -> HandoverLimits:
        return build_limits(0.0, self.fires_fraction)


def draw_stay(holds: Sequence[int], key: EpisodeKey, fire: int) -> int:
    """Draws a hold length [chunks] for one fire of an episode."""
    return int(episode_stream(key, "gate", "hold", fire).choice(holds))
