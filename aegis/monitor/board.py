"""Board: episodes in flight and a tally per arm. No clock, no terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aegis.core.types import EpisodeKey
from aegis.fleet.progress import EpisodeProgress
from aegis.monitor.lengths import LengthEstimate
from aegis.monitor.sparkline import Sparkline
from aegis.records.rows import EpisodeRow

SPARKLINE_WIDTH = 22


@dataclass(slots=True)
class Flight:
    """One episode in flight.

    Attributes:
        last: The latest progress.
        track: What the arm's gate judged, over the episode so far.
        judged_k: Tick of the last judgement on the track; -1 before the first.
    """

    last: EpisodeProgress
    track: Sparkline
    judged_k: int = -1


@dataclass(slots=True)
class Tally:
    """Results of an arm so far.

    All but ``done`` are over complete units: what ends first is no fair sample of what is played.

    Attributes:
        done: Finished episodes.
        units: Complete units.
        successes: Of those, solved.
        recovered: Of those, solved although the reference arm failed.
        disrupted: Of those, failed although the reference arm solved it.
        steps: Their control steps.
        helped_steps: Of those, driven by the arm's second driver.
    """

    done: int = 0
    units: int = 0
    successes: int = 0
    recovered: int = 0
    disrupted: int = 0
    steps: int = 0
    helped_steps: int = 0

    @property
    def duty(self) -> float:
        """Share of steps under the second driver; 0 before the first step."""
        return self.helped_steps / self.steps if self.steps else 0.0


class Board:
    """Collects the events of a run.

    A unit counts once all arms have finished it, and all units before it have been counted: of the
    units in flight the easy ones are complete first, so counting those would flatter every arm.

    Args:
        reference: The arm against which recovered and disrupted units are counted.
        width: Columns of a track.
    """

    def __init__(self, reference: str = "weak", width: int = SPARKLINE_WIDTH) -> None:
        self._reference = reference
        self._width = width
        self.total = 0
        self.resumed = 0
        self.finished = 0
        self.played = 0
        self.instructions: set[str] = set()
        self.quantities: set[str] = set()
        self.flights: dict[tuple[EpisodeKey, str], Flight] = {}
        self.tallies: dict[str, Tally] = {}
        self._open: dict[EpisodeKey, dict[str, EpisodeRow]] = {}
        self._counted: set[EpisodeKey] = set()
        self._lengths: dict[str, LengthEstimate] = {}
        self._early_lengths: dict[str, list[int]] = {}
        self._finished_steps = 0
        self._scales: dict[str, tuple[float, float]] = {}

    @property
    def reference(self) -> str:
        """The arm against which recovered and disrupted units are counted."""
        return self._reference

    @property
    def units(self) -> int:
        """Units of the run."""
        return self.total // max(1, len(self.tallies))

    @property
    def complete_units(self) -> int:
        """Units that are counted: complete in every arm, and all before them, too."""
        return len(self._counted)

    @property
    def steps(self) -> int:
        """Control steps so far, those of resumed episodes included."""
        return self._finished_steps + sum(flight.last.k for flight in self.flights.values())

    def scale_of(self, quantity: str) -> tuple[float, float]:
        """Returns the ends between which a quantity is drawn.

        At least 0 to 1, so that chances share a scale; below 0 no farther than above, so that a
        rare and very bad value does not flatten all others.
        """
        low, high = self._scales.get(quantity, (0.0, 1.0))
        return max(low, -high), high

    def count_flights(self, arm: str) -> int:
        """Returns how many episodes of an arm are in flight."""
        return sum(name == arm for _, name in self.flights)

    def estimate_steps_left(self) -> float:
        """Returns the control steps still to be played; NaN before the first progress."""
        if not self._lengths:
            return 0.0 if self.finished >= self.total > 0 else math.nan
        ticks: dict[str, list[int]] = {arm: [] for arm in self.tallies}
        for (_, arm), flight in self.flights.items():
            ticks.setdefault(arm, []).append(flight.last.k)
        some = next(iter(self._lengths.values()))
        return sum(
            self._lengths.get(arm, some).estimate_left(
                ticks[arm], max(0, self.units - tally.done - len(ticks[arm]))
            )
            for arm, tally in self.tallies.items()
        )

    def open_run(self, total: int, done: int, arms: Sequence[str]) -> None:
        """Starts a run of ``total`` episodes of which ``done`` were finished before.

        The finished ones are reported by ``add_episode``, too.
        """
        self.total, self.resumed = total, done
        for arm in arms:
            self.tallies.setdefault(arm, Tally())

    def add_progress(self, event: EpisodeProgress) -> None:
        """Takes in the state of an episode in flight."""
        place = (event.key, event.arm)
        self.instructions.add(event.instruction)
        self.quantities.add(event.quantity)
        self._open.setdefault(event.key, {})
        self._learn_horizon(event.arm, event.horizon)
        flight = self.flights.get(place)
        # A tick that does not ascend: the episode is played again, since its worker died.
        if flight is None or event.k <= flight.last.k:
            flight = Flight(event, Sparkline(event.horizon, self._width))
            self.flights[place] = flight
        else:
            self.played += event.k - flight.last.k
            flight.last = event
        for judged in event.track:
            if judged.k > flight.judged_k:
                flight.track.add_judgement(judged)
                flight.judged_k = judged.k
                self._widen_scale(event.quantity, (judged.value, judged.bar))

    def add_episode(self, row: EpisodeRow) -> None:
        """Takes in a finished episode."""
        flight = self.flights.pop((row.key, row.arm), None)
        self.finished += 1
        self._finished_steps += row.steps
        if flight is not None:
            self.played += max(0, row.steps - flight.last.k)
        elif self.finished > self.resumed:
            self.played += row.steps
        self.tallies.setdefault(row.arm, Tally()).done += 1
        if row.arm in self._lengths:
            self._lengths[row.arm].add_length(row.steps)
        else:
            self._early_lengths.setdefault(row.arm, []).append(row.steps)
        self._open.setdefault(row.key, {})[row.arm] = row
        self._count_complete_units()

    def _learn_horizon(self, arm: str, horizon: int) -> None:
        """Starts the estimate of an arm's lengths, with what had finished before."""
        if arm not in self._lengths:
            self._lengths[arm] = LengthEstimate(horizon)
            for steps in self._early_lengths.pop(arm, ()):
                self._lengths[arm].add_length(steps)

    def _widen_scale(self, quantity: str, values: Sequence[float]) -> None:
        known = [value for value in values if math.isfinite(value)]
        if known:
            low, high = self._scales.get(quantity, (0.0, 1.0))
            self._scales[quantity] = (min(low, *known), max(high, *known))

    def _count_complete_units(self) -> None:
        """Counts units in their order, up to the first that is open."""
        while self._open:
            first = min(self._open, key=_order_of)
            if len(self._open[first]) < len(self.tallies):
                return
            self._count_unit(self._open.pop(first))
            self._counted.add(first)

    def _count_unit(self, rows: Mapping[str, EpisodeRow]) -> None:
        alone = rows.get(self._reference)
        for arm, row in rows.items():
            tally = self.tallies[arm]
            tally.units += 1
            tally.successes += row.success
            tally.steps += row.steps
            tally.helped_steps += row.strong_steps
            if alone is not None:
                tally.recovered += row.success and not alone.success
                tally.disrupted += alone.success and not row.success


def _order_of(key: EpisodeKey) -> tuple[int, str, int]:
    """Returns the place of a unit: units are played start state by start state, task by task."""
    return key.index, key.start, key.task
