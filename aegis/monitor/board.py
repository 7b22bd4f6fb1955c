"""What the monitor knows: episodes in flight and a tally per arm. No clock, no terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aegis.core.types import EpisodeKey, PolicyId
from aegis.fleet.progress import EpisodeProgress
from aegis.monitor.sparkline import Sparkline
from aegis.records.rows import EpisodeRow

SPARKLINE_WIDTH = 22


@dataclass(slots=True)
class Flight:
    """One episode in flight.

    Attributes:
        last: The latest progress.
        track: Risk over the episode so far.
        strong: Whether the strong policy drives now.
    """

    last: EpisodeProgress
    track: Sparkline
    strong: bool


@dataclass(slots=True)
class Tally:
    """What an arm has done so far.

    Attributes:
        done: Finished episodes.
        successes: Of those, successful.
        paired: Finished units that the reference arm has finished too.
        recovered: Of those, won although the reference arm lost.
        disrupted: Of those, lost although the reference arm won.
        steps: Control steps of all finished episodes.
        strong_steps: Of those, driven by the strong policy.
    """

    done: int = 0
    successes: int = 0
    paired: int = 0
    recovered: int = 0
    disrupted: int = 0
    steps: int = 0
    strong_steps: int = 0

    @property
    def duty(self) -> float:
        """Share of steps driven by the strong policy; 0 before the first step."""
        return self.strong_steps / self.steps if self.steps else 0.0


class Board:
    """Collects the events of a run.

    Args:
        reference: The arm against which recovered and disrupted units are counted.
        weak: Name of the weak policy; whoever else drives counts as strong.
        width: Columns of a risk track.
    """

    def __init__(
        self, reference: str = "weak", weak: PolicyId = "weak", width: int = SPARKLINE_WIDTH
    ) -> None:
        self._reference = reference
        self._weak = weak
        self._width = width
        self.total = 0
        self.resumed = 0
        self.finished = 0
        self.instructions: set[str] = set()
        self.flights: dict[tuple[EpisodeKey, str], Flight] = {}
        self.tallies: dict[str, Tally] = {}
        self._won: dict[EpisodeKey, dict[str, bool]] = {}
        self._low, self._high = 0.0, 1.0

    @property
    def scale(self) -> tuple[float, float]:
        """Smallest and largest risk to draw; at least 0 to 1, so probabilities share one scale."""
        return self._low, self._high

    @property
    def reference(self) -> str:
        """The arm against which recovered and disrupted units are counted."""
        return self._reference

    def open_run(self, total: int, done: int, arms: Sequence[str]) -> None:
        """Starts a run of ``total`` episodes of which ``done`` were finished before.

        The finished ones are told by ``add_episode``, too.
        """
        self.total, self.resumed = total, done
        for arm in arms:
            self.tallies.setdefault(arm, Tally())

    def add_progress(self, event: EpisodeProgress) -> None:
        """Takes in the state of an episode in flight."""
        place = (event.key, event.arm)
        self.instructions.add(event.instruction)
        flight = self.flights.get(place)
        strong = event.active != self._weak
        if flight is None or event.k <= flight.last.k:
            track = Sparkline(event.horizon, self._width)
            self.flights[place] = Flight(event, track, strong)
            return
        # The risk was scored on the chunk that has just been executed.
        flight.track.add_risk(flight.last.k, event.risk, flight.strong)
        flight.last, flight.strong = event, strong
        for value in (event.risk, event.threshold):
            if abs(value) < float("inf"):  # False for NaN
                self._low, self._high = min(self._low, value), max(self._high, value)

    def add_episode(self, row: EpisodeRow) -> None:
        """Takes in a finished episode."""
        self.flights.pop((row.key, row.arm), None)
        self.finished += 1
        tally = self.tallies.setdefault(row.arm, Tally())
        tally.done += 1
        tally.successes += row.success
        tally.steps += row.steps
        tally.strong_steps += row.strong_steps
        won = self._won.setdefault(row.key, {})
        won[row.arm] = row.success
        self._count_pairs(row.arm, won)

    def _count_pairs(self, arm: str, won: Mapping[str, bool]) -> None:
        """Counts the pairs that the newest result of a unit completes."""
        if self._reference not in won:
            return
        others = won if arm == self._reference else [arm]
        for name in others:
            tally = self.tallies[name]
            tally.paired += 1
            tally.recovered += won[name] and not won[self._reference]
            tally.disrupted += won[self._reference] and not won[name]
