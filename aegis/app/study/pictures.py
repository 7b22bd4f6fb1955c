"""Pictures: films the episodes that a report shows, at a few ticks, and keeps what was taken."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow.compute as pc

from aegis.app.config.composition import ComposedConfig, make_target_factory
from aegis.app.config.settings import Settings
from aegis.app.screen import Screen
from aegis.core.errors import AegisError, TraceError
from aegis.core.protocols import World
from aegis.core.types import U8, Act
from aegis.records.files import write_atomic
from aegis.records.rows import EpisodeRow
from aegis.records.store import read_table
from aegis.report.examples import Example

PICTURES_FOLDER = "pictures"
EpisodePictures = dict[str, dict[int, bytes]]


def gather_pictures(
    root: Path, composed: ComposedConfig, shown: Mapping[str, Example], screen: Screen
) -> EpisodePictures:
    """Returns PNG pictures by kind of example and tick; takes those that are missing.

    They are kept in ``pictures/`` of the run folder, so that a report can be written again where
    the table of steps is not. Without both, or where the world goes another way, there are none.

    Args:
        root: Run folder.
        composed: The study's configuration; its ``pictures`` names camera, size and number.
        shown: Episodes of the report, by kind.
        screen: Is told why there are none.
    """
    level = Settings(composed.tree).level("pictures")
    count = level.integer("count", 0)
    found: EpisodePictures = {}
    for kind, example in shown.items() if count else ():
        ticks = _choose_ticks(example.episode, count)
        paths = {k: _build_picture_path(root, kind, example.episode, k) for k in ticks}
        if not all(path.exists() for path in paths.values()):
            make = cast(
                "Callable[[], World]",
                make_target_factory(composed, "env", _read_env_node(composed)),
            )
            camera, size = level.text("camera"), level.integer("size", 16)
            try:
                _take_pictures(root, example.episode, make, camera, size, paths)
            except (AegisError, KeyError) as error:
                screen.print_note(f"no pictures of the {kind} episode: {error}")
                continue
        found[kind] = {k: path.read_bytes() for k, path in paths.items()}
    return found


def encode_png(image: U8) -> bytes:
    """Returns a picture as PNG; equal pictures give equal bytes. Shape of it (h, w, 3)."""
    height, width, _ = image.shape
    lines = b"".join(b"\0" + row.tobytes() for row in np.ascontiguousarray(image))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_encode_png_block(name, data) for name, data in parts)


def _take_pictures(
    root: Path,
    row: EpisodeRow,
    make: Callable[[], World],
    camera: str,
    size: int,
    paths: Mapping[int, Path],
) -> None:
    """Plays an episode's actions again and looks at some ticks.

    Raises:
        TraceError: If the steps are not here, or the world goes another way.
    """
    steps = _read_steps(root, row)
    world = make()
    try:
        world.begin(row.key)
        for step in steps[: max(paths) + 1]:
            if world.digest() != step["digest"]:
                raise TraceError(f"{row.key} goes another way at tick {step['k']} on this machine.")
            if step["k"] in paths:
                image = world.observe({camera: (size, size)}).images[camera]
                paths[step["k"]].parent.mkdir(exist_ok=True)
                write_atomic(paths[step["k"]], encode_png(image))
            world.apply(Act(np.array(step["action"], np.float32)))
    finally:
        world.close()


def _read_steps(root: Path, row: EpisodeRow) -> Sequence[dict[str, Any]]:
    table = read_table(root / "steps.parquet")
    place = {"arm": row.arm, "task": row.task, "start": row.start, "index": row.index}
    for name, value in place.items():
        table = table.filter(pc.equal(table.column(name), value))
    found: list[dict[str, Any]] = table.select(["k", "action", "digest"]).to_pylist()
    return found


def _choose_ticks(row: EpisodeRow, count: int) -> list[int]:
    """Returns ticks from first to last, one of them that of the hand-over if there was one."""
    even = [round(i * (row.steps - 1) / max(1, count - 1)) for i in range(count)]
    if row.handover_k is not None and count > 2:
        first = row.handover_k
        near = min(range(1, count - 1), key=lambda i: abs(even[i] - first))
        even[near] = min(first, row.steps - 1)
    return sorted(set(even))


def _build_picture_path(root: Path, kind: str, row: EpisodeRow, k: int) -> Path:
    return root / PICTURES_FOLDER / f"{kind}-{row.arm}-{row.task}-{row.index}-{k:03d}.png"


def _read_env_node(composed: ComposedConfig) -> Mapping[str, object]:
    return Settings(composed.tree).node("env")


def _encode_png_block(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
