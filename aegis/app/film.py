"""Film: replays the actions of a recorded episode and renders every step."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from aegis.core.errors import TraceError
from aegis.core.protocols import World
from aegis.core.types import Act
from aegis.export.video import Frame, write_video
from aegis.fleet.arm import Arm
from aegis.fleet.judgements import JUDGEMENT_COLUMNS, find_constant_bar, replay_judgements
from aegis.records.rows import EpisodeRow
from aegis.records.store import RunStore

_STEP_COLUMNS = (*JUDGEMENT_COLUMNS, "action", "digest")


def film_episode(
    root: Path,
    row: EpisodeRow,
    arm: Arm,
    world: World,
    cameras: Sequence[str],
    path: Path,
    size: int,
    fps: int,
    tell: Callable[[int, str], None],
) -> Path:
    """Writes an episode as MP4.

    Args:
        root: Run folder.
        row: The episode.
        arm: The arm that was played; the film draws what its gate judged, and the bar.
        world: Where it was played; looks only, physics are as they were.
        cameras: Which to show, side by side.
        path: Where to.
        size: Side of the pictures [px].
        fps: Pictures per second.
        tell: Told the steps filmed.

    Raises:
        TraceError: If the world does not go the same way again.
    """
    frames = _replay_frames(root, row, arm, world, cameras, size, tell)
    horizon = arm.controller.horizon
    return write_video(path, frames, horizon, find_constant_bar(arm), fps, size)


def choose_episode(rows: Sequence[EpisodeRow], treated: str, reference: str) -> EpisodeRow | None:
    """Returns the episode most worth seeing: recovered, else with a hand-over, else none."""
    lost = {row.key for row in rows if row.arm == reference and not row.success}
    mine = [row for row in rows if row.arm == treated and row.fires]
    recovered = [row for row in mine if row.success and row.key in lost]
    # A short stint that saves the day says more than one that takes the whole episode over.
    return min(recovered or mine, key=lambda row: (not row.success, row.duty), default=None)


def _replay_frames(
    root: Path,
    row: EpisodeRow,
    arm: Arm,
    world: World,
    cameras: Sequence[str],
    size: int,
    tell: Callable[[int, str], None],
) -> Iterator[Frame]:
    wanted = dict.fromkeys(cameras, (size, size))
    steps = RunStore(root).read_episode_steps(row.key, row.arm, _STEP_COLUMNS).to_pylist()
    judged = {one.k: one.value for one in replay_judgements(arm, row.key, steps)}
    world.begin(row.key)
    value = math.nan
    for step in steps:
        if world.digest() != step["digest"]:
            raise TraceError(
                f"{row.key}, arm {row.arm}, goes another way at tick {step['k']} than when it was "
                "recorded: other versions, assets or processor. Run it again, then film it."
            )
        obs = world.observe(wanted)
        value = judged.get(step["k"], value)
        active = step["active"]
        helped = active == arm.helper
        yield Frame(step["k"], obs.images, active, helped, value, obs.instruction)
        world.apply(Act(np.array(step["action"], np.float32)))
        tell(step["k"] + 1, "")
