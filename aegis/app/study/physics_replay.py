"""Physics replay: plays recorded actions of the kept units, and compares states and pictures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import pyarrow as pa

from aegis.core.errors import TraceError
from aegis.core.protocols import World
from aegis.core.types import EpisodeKey, PolicyId
from aegis.export.replay import Cameras, RecordedStep, replay_episode
from aegis.host.child_process import open_child_pool
from aegis.records.rows import EpisodeRow
from aegis.runtime.views import hash_pictures, merge_cameras
from aegis.study.verification import CheckResult


@dataclass(frozen=True, slots=True)
class RecordedEpisode:
    """An episode to play again.

    Attributes:
        row: Its row.
        steps: Its steps: rows of the action table.
        cameras: Tick to the cameras that were looked through.
    """

    row: EpisodeRow
    steps: tuple[RecordedStep, ...]
    cameras: Mapping[int, Cameras]


@dataclass(frozen=True, slots=True)
class ReplayedEpisode:
    """What came of it.

    Attributes:
        states: States that were equal to the recorded ones.
        pictures: Ticks at which pictures were looked at.
        other_pictures: Those at which they were other ones.
        fault: Why the replay ended early; empty if it did not.
    """

    states: int
    pictures: int
    other_pictures: int
    fault: str


def gather_episodes(
    table: pa.Table,
    episodes: Sequence[EpisodeRow],
    cameras: Mapping[PolicyId, Cameras],
    units: Sequence[EpisodeKey],
) -> tuple[RecordedEpisode, ...]:
    """Returns the recorded episodes of some units.

    Args:
        table: The action table.
        episodes: Rows of the study.
        cameras: Policy to the cameras that it looks through.
        units: Which units.
    """
    steps: dict[tuple[object, ...], list[RecordedStep]] = defaultdict(list)
    for step in table.to_pylist():
        steps[step["task"], step["start"], step["index"], step["arm"]].append(step)
    wanted = set(units)
    return tuple(
        RecordedEpisode(
            row,
            tuple(mine),
            {
                step["k"]: merge_cameras(cameras[policy] for policy in step["asked"])
                for step in mine
                if step["pictures"]
            },
        )
        for row in episodes
        if row.key in wanted and (mine := steps[row.task, row.start, row.index, row.arm])
    )


def replay_episodes(
    episodes: Sequence[RecordedEpisode],
    build_world: Callable[[], World],
    workers: int,
    environment: Mapping[str, str],
) -> tuple[ReplayedEpisode, ...]:
    """Plays recorded episodes again in processes of their own.

    Args:
        episodes: The episodes.
        build_world: Builds a world of the kind that they were played in; must pickle.
        workers: Number of processes.
        environment: Environment variables of these processes.

    Raises:
        MachineError: If a process dies.
    """
    with open_child_pool(workers, environment, partial(_open_world, build_world)) as pool:
        return tuple(pool.map(_replay_one, episodes))


def check_physics(
    episodes: Sequence[RecordedEpisode], replayed: Sequence[ReplayedEpisode], same_renderer: bool
) -> tuple[CheckResult, ...]:
    """Checks that recorded actions lead to the recorded states, and pictures to the recorded ones.

    Args:
        episodes: What was recorded.
        replayed: What came of it.
        same_renderer: Whether pictures are drawn by what drew the recorded ones. Other drivers may
            draw other bits; pictures are then counted, not checked.
    """
    faults = [one.fault for one in replayed if one.fault]
    faults += [
        f"{episode.row.key}, {episode.row.arm}: {len(episode.steps)} of {episode.row.steps} steps"
        for episode in episodes
        if len(episode.steps) != episode.row.steps
    ]
    states = sum(one.states for one in replayed)
    seen, other = (sum(getattr(one, name) for one in replayed) for name in _PICTURE_COUNTS)
    checks = [
        CheckResult.from_faults(
            "physics", states, faults, f"states of {len(episodes)} episodes, equal bit for bit"
        )
    ]
    if seen:
        drawn = f"{seen - other} of {seen} looks at pictures are equal bit for bit"
        wrong = [f"{other} of {seen} looks at pictures differ"] if other and same_renderer else []
        checks.append(CheckResult.from_faults("pictures", seen, wrong, drawn))
    return tuple(checks)


_PICTURE_COUNTS = ("pictures", "other_pictures")
_worlds: list[World] = []
"""The world of this process, when it replays."""


def _open_world(build_world: Callable[[], World]) -> None:
    _worlds.append(build_world())


def _replay_one(episode: RecordedEpisode) -> ReplayedEpisode:
    states = pictures = other = 0
    try:
        played = replay_episode(
            _worlds[0], episode.row, episode.steps, lambda k: episode.cameras.get(k, {})
        )
        for one in played:
            states += 1
            if one.step["pictures"]:
                pictures += 1
                other += hash_pictures(one.obs.images) != one.step["pictures"]
    except TraceError as error:
        return ReplayedEpisode(states, pictures, other, str(error))
    return ReplayedEpisode(states, pictures, other, "")
