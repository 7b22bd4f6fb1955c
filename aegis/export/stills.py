"""Stills: PNG pictures of an episode at a few of its ticks."""

from __future__ import annotations

import io
from collections.abc import Callable, Collection
from pathlib import Path

from PIL import Image

from aegis.core.protocols import World
from aegis.core.types import U8
from aegis.export.replay import read_recorded_steps, replay_episode
from aegis.records.rows import EpisodeRow


def take_stills(
    root: Path,
    row: EpisodeRow,
    build_world: Callable[[], World],
    camera: str,
    size: int,
    ticks: Collection[int],
) -> dict[int, bytes]:
    """Replays an episode up to the last of some ticks and photographs it at each.

    Args:
        root: Run folder.
        row: The episode.
        build_world: Builds a world of the kind that it was played in.
        camera: Which camera.
        size: Side of the pictures [px].
        ticks: When; not empty.

    Returns:
        Tick to PNG.

    Raises:
        TraceError: If the steps are not there, or the world goes another way.
        KeyError: If the world has no such camera.
    """
    steps = read_recorded_steps(root, row)[: max(ticks) + 1]
    world = build_world()
    try:
        played = replay_episode(
            world, row, steps, lambda k: {camera: (size, size)} if k in ticks else {}
        )
        return {
            one.step["k"]: encode_png(one.obs.images[camera])
            for one in played
            if one.step["k"] in ticks
        }
    finally:
        world.close()


def choose_ticks(row: EpisodeRow, count: int) -> list[int]:
    """Returns up to ``count`` ticks from first to last, one of them that of the hand-over."""
    even = [round(i * (row.steps - 1) / max(1, count - 1)) for i in range(count)]
    if row.handover_k is not None and count > 2:
        handover = row.handover_k
        nearest = min(range(1, count - 1), key=lambda i: abs(even[i] - handover))
        even[nearest] = min(handover, row.steps - 1)
    return sorted(set(even))


def encode_png(image: U8) -> bytes:
    """Returns a picture as PNG; equal pictures give equal bytes.

    Args:
        image: RGB picture, shape (h, w, 3).
    """
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()
