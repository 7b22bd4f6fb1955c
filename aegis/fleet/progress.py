"""Progress sinks: receivers of a run's events. A sink must return at once and decides nothing."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from aegis.core.types import EpisodeKey, PolicyId
from aegis.records.files import write_atomic
from aegis.records.json_values import replace_non_finite
from aegis.records.rows import EpisodeRow


@dataclass(frozen=True, slots=True)
class EpisodeProgress:
    """How an episode stands; told whenever it asks for a proposal.

    Attributes:
        key: The unit.
        arm: The arm.
        k: Tick.
        horizon: Longest episode [control steps].
        active: Who drives.
        risk: Last score; NaN if unknown or none yet.
        threshold: What the risk is held against; NaN if nothing.
        fires: Hand-overs decided so far.
        strong_steps: Steps of the strong policy so far [control steps].
        instruction: What the robot is told.
    """

    key: EpisodeKey
    arm: str
    k: int
    horizon: int
    active: PolicyId
    risk: float
    threshold: float
    fires: int
    strong_steps: int
    instruction: str


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


class StatusFile:
    """Keeps ``status.json`` current, so that another process can watch the run.

    Args:
        path: The file; replaced as a whole, at most twice a second.
        clock: Monotonic time [s].
        period: Shortest time between two writes [s].
    """

    def __init__(self, path: Path, clock: Callable[[], float], period: float = 0.5) -> None:
        self._path, self._clock, self._period = path, clock, period
        self._last = -math.inf
        self._began = 0.0
        self._total = self._before = 0
        self._running: dict[tuple[EpisodeKey, str], tuple[EpisodeProgress, list[float]]] = {}
        self._tally: dict[str, dict[str, int]] = {}

    def on_run_opened(self, total: int, done: int, arms: Sequence[str]) -> None:
        """Starts the tallies."""
        self._total, self._before, self._began = total, done, self._clock()
        names = ("episodes", "success", "steps", "strong_steps", "fires")
        self._tally = {arm: dict.fromkeys(names, 0) for arm in arms}
        self._write_status("running", force=True)

    def on_progress(self, progress: EpisodeProgress) -> None:
        """Takes note of an episode in flight."""
        _, risks = self._running.get((progress.key, progress.arm), (None, []))
        risks = [] if progress.k == 0 else risks
        self._running[progress.key, progress.arm] = (progress, [*risks, progress.risk][-60:])
        self._write_status("running")

    def on_episode_finished(self, episode: EpisodeRow) -> None:
        """Adds an episode to its arm's tally."""
        self._running.pop((episode.key, episode.arm), None)
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
            "arms": self._tally,
            "running": [
                {**asdict(progress), "risks": risks} for progress, risks in self._running.values()
            ],
        }
        write_atomic(self._path, json.dumps(replace_non_finite(status)).encode())
