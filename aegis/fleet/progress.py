"""Progress sinks: receivers of a run's events. A sink must return at once and decides nothing."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol

from aegis.core.types import EpisodeKey, PolicyId
from aegis.records.files import write_atomic
from aegis.records.json_values import replace_non_finite
from aegis.records.rows import EpisodeRow

_KEPT_RISKS = 60
"""Latest risks of an episode that ``status.json`` lists."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the gate of an arm judged at a chunk boundary.

    Attributes:
        k: Tick of the boundary.
        value: The quantity that the gate compares; NaN if unknown, or if it compares none.
        bar: The value above which the gate hands over at this tick; NaN if there is none.
        helped: Whether the arm's second driver drove.
    """

    k: int
    value: float
    bar: float
    helped: bool


@dataclass(frozen=True, slots=True)
class EpisodeProgress:
    """How an episode stands; reported whenever it asks for a proposal.

    Attributes:
        key: The unit.
        arm: The arm.
        k: Tick.
        horizon: Longest episode [control steps].
        active: Policy that drives.
        helper: The arm's second driver: the strong policy, or that of a placebo.
        risk: Last score of the first detector; NaN if unknown or none yet.
        quantity: Name of what the arm's gate compares with its bar; empty if it compares nothing.
        track: Judgements so far, in order; at least the last one, none before the first boundary.
        fires: Hand-overs decided so far.
        strong_steps: Steps under the second driver so far [control steps].
        instruction: Task in words.
    """

    key: EpisodeKey
    arm: str
    k: int
    horizon: int
    active: PolicyId
    helper: PolicyId
    risk: float
    quantity: str
    track: tuple[Judgement, ...]
    fires: int
    strong_steps: int
    instruction: str

    @property
    def helped(self) -> bool:
        """Whether the second driver drives."""
        return self.active == self.helper

    @property
    def value(self) -> float:
        """The quantity as judged last; NaN if unknown or none yet."""
        return self.track[-1].value if self.track else math.nan

    @property
    def bar(self) -> float:
        """What that value is compared with; NaN if nothing."""
        return self.track[-1].bar if self.track else math.nan


class ProgressSink(Protocol):
    """Hears about a run, in the process that holds the policies."""

    def on_run_opened(self, total: int, done: int, arms: Sequence[str]) -> None:
        """The run starts or resumes: episodes in all, those finished before, and the arms."""
        ...

    def on_progress(self, progress: EpisodeProgress) -> None:
        """An episode goes on."""
        ...

    def on_episode_finished(self, episode: EpisodeRow) -> None:
        """An episode is on disk; on resume called for the earlier ones, too."""
        ...

    def on_run_closed(self) -> None:
        """The run ended, for whatever reason."""
        ...


class NullSink:
    """Hears nothing."""

    def on_run_opened(self, total: int, done: int, arms: Sequence[str]) -> None:
        """Ignored."""

    def on_progress(self, progress: EpisodeProgress) -> None:
        """Ignored."""

    def on_episode_finished(self, episode: EpisodeRow) -> None:
        """Ignored."""

    def on_run_closed(self) -> None:
        """Ignored."""


class Tee:
    """Tells several sinks.

    Args:
        sinks: Told in this order.
    """

    def __init__(self, *sinks: ProgressSink) -> None:
        self._sinks = sinks

    def on_run_opened(self, total: int, done: int, arms: Sequence[str]) -> None:
        """Tells all."""
        for sink in self._sinks:
            sink.on_run_opened(total, done, arms)

    def on_progress(self, progress: EpisodeProgress) -> None:
        """Tells all."""
        for sink in self._sinks:
            sink.on_progress(progress)

    def on_episode_finished(self, episode: EpisodeRow) -> None:
        """Tells all."""
        for sink in self._sinks:
            sink.on_episode_finished(episode)

    def on_run_closed(self) -> None:
        """Tells all."""
        for sink in self._sinks:
            sink.on_run_closed()


@dataclass(slots=True)
class _Running:
    """An episode in flight, with what was reported of it so far."""

    last: EpisodeProgress
    risks: list[float] = field(default_factory=list)
    track: list[Judgement] = field(default_factory=list)

    def add_progress(self, progress: EpisodeProgress) -> int:
        """Takes in the newest progress; returns the control steps since the one before."""
        steps, self.last = progress.k - self.last.k, progress
        self.risks = [*self.risks, progress.risk][-_KEPT_RISKS:]
        self.track += [one for one in progress.track[-1:] if one not in self.track[-1:]]
        return steps

    def as_dict(self) -> dict[str, object]:
        """Returns plain values. ``threshold`` is the bar, where what is compared is the risk."""
        last = self.last
        track = [[one.k, one.value, one.bar, one.helped] for one in self.track]
        threshold = last.bar if last.value == last.risk else math.nan
        return {**asdict(last), "track": track, "threshold": threshold, "risks": self.risks}


class StatusFile:
    """Keeps ``status.json`` current, so that another process can watch the run.

    Keys, for readers of the file: ``state``, ``total`` and ``resumed`` [episodes], ``elapsed`` [s],
    ``steps`` played since the run was opened, ``arms`` (tallies of all finished episodes), and
    ``running``: fields of ``EpisodeProgress``, with ``track`` as lists of tick, value, bar and
    whether the second driver drove.

    Args:
        path: The file; replaced as a whole, at most twice a second.
        clock: Monotonic time [s].
        period: Shortest time between two writes [s].
    """

    def __init__(self, path: Path, clock: Callable[[], float], period: float = 0.5) -> None:
        self._path, self._clock, self._period = path, clock, period
        self._last = -math.inf
        self._began = 0.0
        self._total = self._before = self._finished = 0
        self._running: dict[tuple[EpisodeKey, str], _Running] = {}
        self._steps = 0
        self._tally: dict[str, dict[str, int]] = {}

    def on_run_opened(self, total: int, done: int, arms: Sequence[str]) -> None:
        """Starts the tallies."""
        self._total, self._before, self._began = total, done, self._clock()
        self._steps, self._finished = 0, 0
        names = ("episodes", "success", "steps", "strong_steps", "fires")
        self._tally = {arm: dict.fromkeys(names, 0) for arm in arms}
        self._write_status("running", force=True)

    def on_progress(self, progress: EpisodeProgress) -> None:
        """Takes note of an episode in flight."""
        place = (progress.key, progress.arm)
        running = self._running.get(place)
        # A tick that does not ascend: its worker died, and the episode is played again from the
        # start.
        if running is None or progress.k <= running.last.k:
            running = self._running[place] = _Running(progress)
        self._steps += running.add_progress(progress)
        self._write_status("running")

    def on_episode_finished(self, episode: EpisodeRow) -> None:
        """Adds an episode to its arm's tally."""
        running = self._running.pop((episode.key, episode.arm), None)
        self._finished += 1
        # Episodes of earlier runs are reported first; their steps are none of this run.
        if self._finished > self._before:
            self._steps += episode.steps - (0 if running is None else running.last.k)
        tally = self._tally[episode.arm]
        tally["episodes"] += 1
        tally["success"] += episode.success
        tally["steps"] += episode.steps
        tally["strong_steps"] += episode.strong_steps
        tally["fires"] += episode.fires
        self._write_status("running")

    def on_run_closed(self) -> None:
        """Leaves the last state behind."""
        done = sum(tally["episodes"] for tally in self._tally.values())
        self._write_status("finished" if done == self._total else "stopped", force=True)

    def _write_status(self, state: str, *, force: bool = False) -> None:
        now = self._clock()
        if not force and now - self._last < self._period:
            return
        self._last = now
        status = {
            "state": state,
            "total": self._total,
            "resumed": self._before,
            "elapsed": now - self._began,
            "steps": self._steps,
            "arms": self._tally,
            "running": [running.as_dict() for running in self._running.values()],
        }
        write_atomic(self._path, json.dumps(replace_non_finite(status)).encode())
