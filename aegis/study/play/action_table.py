"""Action table: executed actions of a few units, and the states and pictures that they led to.

Who has other policies, or a machine on which policies round otherwise, can still play these actions
again: physics that repeats leads to the recorded states, and the renderer to the recorded pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import or_
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from aegis.core.errors import TraceError
from aegis.core.seeds import root_stream
from aegis.core.types import EpisodeKey
from aegis.records.schemas import EPISODE_FIELDS, UNIT_FIELDS
from aegis.records.store import read_table

ACTIONS_FILE = "actions.parquet"
ACTIONS = pa.schema(
    [
        *EPISODE_FIELDS,
        ("k", pa.int32()),
        ("action", pa.list_(pa.float32())),
        ("asked", pa.list_(pa.string())),
        ("digest", pa.string()),
        ("pictures", pa.string()),
    ]
)
"""One row per control step: what was executed, which policies were asked before it, hash of the
state before it, hash of the pictures that they looked at; empty where none did."""

KEPT_UNITS = 24
"""Units whose actions are kept."""


def choose_kept_units(units: Sequence[EpisodeKey]) -> tuple[EpisodeKey, ...]:
    """Draws the units whose actions are kept; the draw follows from the root seed.

    Args:
        units: Those that were played; not empty.
    """
    ordered = sorted(units, key=lambda key: (key.task, key.start, key.index))
    rng = root_stream(ordered[0].root, "study", "actions")
    chosen = rng.choice(len(ordered), min(KEPT_UNITS, len(ordered)), replace=False)
    return tuple(ordered[i] for i in sorted(chosen))


def read_kept_actions(root: Path, units: Sequence[EpisodeKey]) -> pa.Table:
    """Reads the actions of the kept units from a run's table of steps; schema ``ACTIONS``.

    Args:
        root: Run folder.
        units: Those that were played.

    Raises:
        TraceError: If the table of steps is missing or damaged.
    """
    path, kept = root / "steps.parquet", choose_kept_units(units)
    task, start, index = (pc.field(name) for name, _ in UNIT_FIELDS)
    chosen = reduce(
        or_,
        ((task == key.task) & (start == key.start) & (index == key.index) for key in kept),
    )
    try:
        found = pq.read_table(
            path,
            columns=ACTIONS.names,
            filters=chosen,
            use_threads=False,
            page_checksum_verification=True,
        )
    except (OSError, pa.ArrowException) as error:
        raise TraceError(
            f"{path} is missing or damaged ({error}). The command that played it makes it again."
        ) from error
    return found.select(ACTIONS.names).cast(ACTIONS)


def read_action_table(root: Path) -> pa.Table | None:
    """Reads the action table of a study; None if it is older than such tables.

    Raises:
        TraceError: If it is damaged or has other columns.
    """
    path = root / ACTIONS_FILE
    if not path.exists():
        return None
    table = read_table(path)
    if not table.schema.equals(ACTIONS):
        raise TraceError(f"{path} has other columns than this version writes: {table.schema}.")
    return table
