"""Readback: what a written episode holds, and its comparison with the run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aegis.core.types import F32, F64, U8
from aegis.export.replay import read_recorded_steps
from aegis.records.rows import EpisodeRow

_TIME_TOLERANCE = 1e-4
"""Largest error of a frame's time [s]: what LeRobot tolerates between picture and row."""


@dataclass(frozen=True, slots=True, eq=False)
class Readback:
    """An episode as it was read back.

    Attributes:
        actions: Shape (n, a).
        states: Shape (n, p).
        times: Time of every frame, from the start of the episode [s]. Shape (n,).
        dt: Control period [s].
        pictures: Camera to its first and last picture, decoded; each of shape (h, w, 3).
        picture_counts: Camera to the number of its pictures.
        sizes: Camera to (height, width) [px].
    """

    actions: F32
    states: F32
    times: F64
    dt: float
    pictures: Mapping[str, Sequence[U8]]
    picture_counts: Mapping[str, int]
    sizes: Mapping[str, tuple[int, int]]

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(self.actions)


def compare_episode(root: Path, row: EpisodeRow, found: Readback) -> Iterator[str]:
    """Compares an episode with the run, number by number; yields what differs.

    Args:
        root: Run folder.
        row: The episode.
        found: What was read back of it.
    """
    steps = read_recorded_steps(root, row, ("proprio",))
    if found.frames != row.steps:
        yield f"{found.frames} frames, not {row.steps}"
        return
    for name, column, values in (
        ("actions", "action", found.actions),
        ("states", "proprio", found.states),
    ):
        recorded = np.array([step[column] for step in steps], np.float32)
        if not np.array_equal(recorded, values):
            yield f"{name} are not those of the run"
    expected = np.arange(row.steps) * found.dt
    if len(found.times) and np.abs(found.times - expected).max() > _TIME_TOLERANCE:
        yield "times are not those of the ticks"
    yield from _compare_pictures(row, found)


def _compare_pictures(row: EpisodeRow, found: Readback) -> Iterator[str]:
    for camera, (height, width) in found.sizes.items():
        count = found.picture_counts.get(camera, 0)
        if count != row.steps:
            yield f"{count} pictures of '{camera}', not {row.steps}"
        for picture in found.pictures.get(camera, ()):
            if picture.shape != (height, width, 3):
                yield f"a picture of '{camera}' has shape {picture.shape}"
