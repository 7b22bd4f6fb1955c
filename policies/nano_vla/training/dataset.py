"""Demonstrations in memory: every recorded picture with the chunk of actions that follows it."""

from __future__ import annotations

import zipfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aegis.core.errors import NonFiniteError, ShapeError, TraceError
from aegis.core.types import F32, U8
from policies.nano_vla.config import CAMERAS, PROPRIO_SIZE, NanoConfig


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Samples of many episodes, one row per recorded frame.

    Attributes:
        images: Camera name to pictures. Shape (n, s, s, 3).
        proprio: Shape (n, 8).
        chunks: Expert actions from the frame on. Shape (n, h, a).
        sentence: Which instruction belongs to a row. Shape (n,).
        instructions: The canonical instructions.
        held_out: Whether a row belongs to a validation episode. Shape (n,).
        episodes: Number of episodes.
    """

    images: dict[str, U8]
    proprio: F32
    chunks: F32
    sentence: NDArray[np.int64]
    instructions: tuple[str, ...]
    held_out: NDArray[np.bool_]
    episodes: int


def cut_chunks(actions: F32, ticks: NDArray[np.int64], horizon: int) -> F32:
    """Cuts the chunk after each tick out of an episode.

    Past the end the arm stands still (zero deltas) and the gripper stays as it was.

    Args:
        actions: Shape (t, a), the gripper last.
        ticks: Shape (n,).
        horizon: Rows of a chunk.

    Returns:
        Shape (n, horizon, a).
    """
    still = np.zeros((horizon, actions.shape[1]), dtype=np.float32)
    still[:, -1] = actions[-1, -1]
    padded = np.concatenate([actions, still])
    out: F32 = padded[ticks[:, None] + np.arange(horizon)]
    return out


def load_dataset(
    folders: Sequence[Path], config: NanoConfig, demos_per_task: int | None, holdout_every: int
) -> Dataset:
    """Reads successful demonstrations into memory.

    Args:
        folders: In each one ``.npz`` per episode, as ``aegis train`` collects them.
        config: Gives picture size and chunk length.
        demos_per_task: Lowest-numbered demonstrations of each task and folder to use; None uses
            all.
        holdout_every: Every so many-th demonstration of a task is marked as held out.

    Raises:
        TraceError: If there are no demonstrations or a file is damaged.
        ShapeError: If arrays are not of the documented shape and type.
        NonFiniteError: If an action or a state is NaN or infinite.
    """
    chosen = [row for folder in folders for row in _choose_demonstrations(folder, demos_per_task)]
    total = sum(rows for _, _, rows in chosen)
    side = config.image
    images = {name: np.empty((total, side, side, 3), dtype=np.uint8) for name in CAMERAS}
    proprio = np.empty((total, PROPRIO_SIZE), dtype=np.float32)
    chunks = np.empty((total, config.horizon, config.action), dtype=np.float32)
    sentence = np.empty(total, dtype=np.int64)
    held_out = np.empty(total, dtype=np.bool_)
    known: dict[str, int] = {}
    at = 0
    for path, rank, rows in chosen:
        with np.load(path, allow_pickle=False) as demo:
            _check_demonstration(path, demo, config)
            span = slice(at, at + rows)
            for name in CAMERAS:
                images[name][span] = demo[name]
            proprio[span] = demo["proprio"]
            chunks[span] = cut_chunks(demo["actions"], demo["tick"], config.horizon)
            sentence[span] = known.setdefault(str(demo["instruction"]), len(known))
            held_out[span] = rank % holdout_every == holdout_every - 1
        at += rows
    return Dataset(images, proprio, chunks, sentence, tuple(known), held_out, len(chosen))


def _choose_demonstrations(folder: Path, demos_per_task: int | None) -> list[tuple[Path, int, int]]:
    """Returns file, rank within its task and number of rows of the demonstrations to use."""
    found: dict[int, list[tuple[int, str, int]]] = defaultdict(list)
    for path in sorted(folder.glob("*.npz")):
        try:
            with np.load(path, allow_pickle=False) as demo:
                if bool(demo["success"]):
                    row = (int(demo["index"]), path.name, len(demo["tick"]))
                    found[int(demo["task"])].append(row)
        except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
            raise TraceError(
                f"{path} is not a demonstration ({error}). Delete it and collect it again."
            ) from error
    if not found:
        raise TraceError(
            f"No successful demonstrations (*.npz) in {folder}. Collect some with `aegis train`."
        )
    return [
        (folder / name, rank, rows)
        for task in sorted(found)
        for rank, (_, name, rows) in enumerate(sorted(found[task])[:demos_per_task])
    ]


def _check_demonstration(path: Path, demo: np.lib.npyio.NpzFile, config: NanoConfig) -> None:
    n, side = len(demo["tick"]), config.image
    wanted: dict[str, tuple[tuple[int, ...], type[np.generic]]] = {}
    wanted |= dict.fromkeys(CAMERAS, ((n, side, side, 3), np.uint8))
    wanted["proprio"] = ((n, PROPRIO_SIZE), np.float32)
    wanted["actions"] = ((len(demo["actions"]), config.action), np.float32)
    for name, (shape, dtype) in wanted.items():
        array = demo[name]
        if array.shape != shape or array.dtype != dtype:
            raise ShapeError(
                f"{name} in {path} must be {np.dtype(dtype)} of shape {shape}. "
                f"Got: {array.dtype} of shape {array.shape}."
            )
        if array.dtype == np.float32 and not np.isfinite(array).all():
            raise NonFiniteError(f"{name} in {path} holds NaN or infinity. Collect it again.")
