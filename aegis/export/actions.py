"""Actions: the executed actions of a run, for a policy that replays them."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from aegis.core.errors import UnknownNameError
from aegis.core.types import F32, EpisodeKey
from aegis.export.replay import read_recorded_steps
from aegis.records.files import write_atomic
from aegis.records.store import RunTables


def export_actions(tables: RunTables, arm: str, path: Path) -> int:
    """Writes the executed actions of an arm.

    Args:
        tables: The run.
        arm: Whose episodes.
        path: Where to; see ``write_actions``.

    Returns:
        The number of episodes.

    Raises:
        UnknownNameError: If the run has no such arm.
        TraceError: If steps are missing or damaged.
    """
    rows = [row for row in tables.episodes if row.arm == arm]
    if not rows:
        names = sorted({row.arm for row in tables.episodes})
        raise UnknownNameError("arm", arm, names, str(tables.root))
    episodes = {
        row.key: np.array(
            [step["action"] for step in read_recorded_steps(tables.root, row)], np.float32
        )
        for row in rows
    }
    write_actions(path, episodes)
    return len(episodes)


def write_actions(path: Path, episodes: Mapping[EpisodeKey, F32]) -> None:
    """Writes actions as ``.npz``, which the policy `policy=replay` reads.

    Args:
        path: Where to.
        episodes: Episode to its actions, shape (steps, a); each becomes an array named
            ``<suite>/<task>/<start>/<index>@<root>``, like its key.

    Raises:
        MachineError: If the disk refuses it.
    """
    buffer = io.BytesIO()
    # Keys hold a slash, so none is taken for an argument of numpy's own.
    arrays = {str(key): actions for key, actions in episodes.items()}
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    write_atomic(path, buffer.getvalue())
