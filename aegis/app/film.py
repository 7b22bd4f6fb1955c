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
from aegis.records.rows import EpisodeRow
from aegis.records.store import RunStore

_STEP_COLUMNS = ("k", "active", "risk", "action", "digest")


def film_episode(
    root: Path,
    row: EpisodeRow,
    world: World,
    cameras: Sequence[str],
    path: Path,
    horizon: int,
    threshold: float,
    size: int,
    fps: int,
    tell: Callable[[int, str], None],
) -> Path:
    """Writes an episode as MP4.

    Args:
        root: Run folder.
        row: The episode.
        world: Where it was played; looks only, physics are as they were.
        cameras: Which to show, side by side.
        path: Where to.
        horizon: Longest episode [control steps].
        threshold: What the risk is drawn against; NaN draws none.
        size: Side of the pictures [px].
        fps: Pictures per second.
        tell: Told the steps filmed.

    Raises:
        TraceError: If the world does not go the same way again.
    """
    frames = _replay_frames(root, row, world, cameras, size, tell)
    return write_video(path, frames, horizon, threshold, fps, size)


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
    world: World,
    cameras: Sequence[str],
    size: int,
    tell: Callable[[int, str], None],
) -> Iterator[Frame]:
    wanted = dict.fromkeys(cameras, (size, size))
    steps = RunStore(root).read_episode_steps(row.key, row.arm, _STEP_COLUMNS).to_pylist()
    world.begin(row.key)
    risk = math.nan
    for step in steps:
        if world.digest() != step["digest"]:
            raise TraceError(
                f"{row.key}, arm {row.arm}, goes another way at tick {step['k']} than when it was "
                "recorded: other versions, assets or processor. Run it again, then film it."
            )
        obs = world.observe(wanted)
        if step["risk"] is not None:
            risk = step["risk"]
        active = step["active"]
        yield Frame(step["k"], obs.images, active, active != "weak", risk, obs.instruction)
        world.apply(Act(np.array(step["action"], np.float32)))
        tell(step["k"] + 1, "")
