"""Small tables: extracts of a run's tables that a study's result is computed from.

A run's table of steps is too large to publish. What the analysis reads of it is: the scores at
chunk boundaries of a few arms, and the first mishap of each failing episode of the reference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from aegis.core.errors import TraceError
from aegis.core.types import F64
from aegis.records.files import write_atomic
from aegis.records.fork_rows import UnitKey, unit_key_of
from aegis.records.rows import EpisodeRow
from aegis.records.schemas import (
    EPISODE_FIELDS,
    UNIT_FIELDS,
    build_episode_table,
    parse_episode_rows,
)
from aegis.records.store import RunTables, read_table
from aegis.study.play.action_table import ACTIONS_FILE, read_kept_actions
from aegis.study.play.failures import FailureEvent, Motion, find_failure_event
from aegis.study.play.latency_table import LATENCY
from aegis.study.play.latency_table import LATENCY_FILE as LATENCY_NAME

MOTION_COLUMNS = ("truth", "proprio")
SCORES = pa.schema(
    [
        *EPISODE_FIELDS,
        ("k", pa.int32()),
        ("active", pa.string()),
        ("scores", pa.map_(pa.string(), pa.float64())),
        ("proprio", pa.list_(pa.float32())),
    ]
)
EVENTS = pa.schema([*UNIT_FIELDS, ("kind", pa.string()), ("k", pa.int32())])
TRUTH_KEYS = ("object_pos", "touch")
"""Simulator truth that events need; a run that did not write it down has none. ``target_pos``,
``ee_pos`` and ``fingers`` are read too; without the last two the hand is read off proprioception,
which has position, axis-angle and fingers in this order."""


@dataclass(frozen=True, slots=True, eq=False)
class StudyTables:
    """All that a result is computed from.

    Attributes:
        episodes: One row per arm and unit.
        scores: Scores at chunk boundaries of some arms; schema ``SCORES``.
        events: First mishap of each episode of the reference; schema ``EVENTS``.
        forks: Hand-overs of everything from some tick on; rows as in ``episodes``.
        latency: What calls took; schema ``LATENCY``; empty if it was not measured.
    """

    episodes: tuple[EpisodeRow, ...]
    scores: pa.Table
    events: pa.Table
    forks: tuple[EpisodeRow, ...] = ()
    latency: pa.Table = field(default_factory=LATENCY.empty_table)

    @classmethod
    def from_episodes(
        cls, episodes: Sequence[EpisodeRow], forks: Sequence[EpisodeRow] = ()
    ) -> StudyTables:
        """Returns tables of episodes alone, without scores and events."""
        return cls(tuple(episodes), SCORES.empty_table(), EVENTS.empty_table(), tuple(forks))

    @classmethod
    def read_folder(cls, root: Path) -> StudyTables:
        """Reads what a run folder has; scores, events, forks and latency may be missing.

        Raises:
            TraceError: If a table is damaged, of another schema, or there are no episodes.
        """
        return cls(
            RunTables.read_folder(root).episodes,
            _read_optional(root / "scores.parquet", SCORES),
            _read_optional(root / "events.parquet", EVENTS),
            _read_rows(root / "forks.parquet"),
            _read_optional(root / LATENCY_NAME, LATENCY),
        )


def map_events(events: pa.Table) -> dict[UnitKey, FailureEvent]:
    """Returns the events by unit."""
    return {
        (row["task"], row["start"], row["index"]): FailureEvent(row["kind"], row["k"])
        for row in events.to_pylist()
    }


def write_small_tables(root: Path, arms: Sequence[str], reference: str) -> None:
    """Writes the tables of scores, events and kept actions into a finished run folder.

    Args:
        root: The run folder.
        arms: Arms whose scores are kept.
        reference: Arm whose failing episodes are looked at.

    Raises:
        TraceError: If the run's tables are missing or damaged.
    """
    rows = RunTables.read_folder(root).episodes
    steps = _read_steps(root, [*SCORES.names, "boundary"], arms)
    kept = steps.filter(steps.column("boundary")).select(SCORES.names)
    pose = _round_poses(kept.column("proprio"), pc.equal(kept.column("arm"), reference))
    kept = kept.set_column(SCORES.names.index("proprio"), "proprio", pose)
    _write_table(root / "scores.parquet", kept.cast(SCORES))
    first = [row for row in rows if row.arm == reference]
    _write_table(
        root / "events.parquet",
        make_event_table(first, _read_steps(root, MOTION_COLUMNS, [reference])),
    )
    units = list(dict.fromkeys(row.key for row in rows))
    _write_table(root / ACTIONS_FILE, read_kept_actions(root, units))


def write_forks(root: Path, rows: Sequence[EpisodeRow]) -> None:
    """Writes ``forks.parquet``: rows sorted by unit and arm, so that equal forks give equal bytes.

    Raises:
        MachineError: If it cannot be written.
    """
    ordered = sorted(rows, key=lambda row: (*unit_key_of(row), row.arm))
    _write_table(root / "forks.parquet", build_episode_table(ordered))


def write_latency(root: Path, table: pa.Table) -> None:
    """Writes the table of measured times.

    Raises:
        MachineError: If it cannot be written.
    """
    _write_table(root / LATENCY_NAME, table)


def make_event_table(rows: Sequence[EpisodeRow], steps: pa.Table) -> pa.Table:
    """Returns the events of the reference arm's episodes; empty if the truth was not written.

    Args:
        rows: Its episodes, in the order of their steps.
        steps: Columns ``truth`` and ``proprio`` of all their steps.

    Raises:
        TraceError: If steps are missing.
    """
    if len(steps) != sum(row.steps for row in rows):
        raise TraceError(
            f"The table of steps has {len(steps)} rows for {len(rows)} episodes of "
            f"{sum(row.steps for row in rows)} steps. Make the tables again."
        )
    found: list[dict[str, object]] = []
    at = 0
    for row in rows:
        part = steps.slice(at, row.steps)
        at += row.steps
        motion = _read_motion(part)
        if motion is not None:
            event = FailureEvent("", -1) if row.success else find_failure_event(motion)
            task, start, index = unit_key_of(row)
            place = {"task": task, "start": start, "index": index}
            found.append({**place, "kind": event.kind, "k": event.k})
    return pa.Table.from_pylist(found, schema=EVENTS)


def _read_motion(steps: pa.Table) -> Motion | None:
    """Returns what hand and object did; None if the truth was not written down."""
    truth = _read_truth(steps.column("truth").combine_chunks())
    if any(name not in truth for name in TRUTH_KEYS):
        return None
    proprio = np.asarray(steps.column("proprio").to_pylist(), np.float64)
    fingers = truth.get("fingers", proprio[:, 6:8])
    return Motion(
        hand=truth.get("ee_pos", proprio[:, :3]),
        aperture=fingers[:, 0] - fingers[:, 1],
        object=truth["object_pos"],
        target=truth.get("target_pos"),
        touch=np.asarray(truth["touch"].any(axis=1), bool),
    )


def _read_truth(truth: pa.MapArray) -> Mapping[str, F64]:
    """Returns one matrix per name of truth. Shape (t, size of it)."""
    first, last = truth.offsets[0].as_py(), truth.offsets[-1].as_py()
    keys, items = (part.slice(first, last - first) for part in (truth.keys, truth.items))
    found = {}
    for name in pc.unique(keys).to_pylist():
        lists = items.filter(pc.equal(keys, name))
        found[name] = np.asarray(lists.flatten(), np.float64).reshape(len(lists), -1)
    return found


def _round_poses(proprio: pa.ChunkedArray, mine: pa.ChunkedArray) -> pa.Array:
    """Returns proprioception of some rows, null elsewhere, rounded to 1/1024 [m, rad].

    A baseline needs no more, and it makes the table a third as large.
    """
    found = [
        None if not here else (np.round(np.array(row) * 1024) / 1024).tolist()
        for row, here in zip(proprio.to_pylist(), mine.to_pylist(), strict=True)
    ]
    return pa.array(found, type=pa.list_(pa.float32()))


def _read_steps(root: Path, columns: Sequence[str], arms: Sequence[str]) -> pa.Table:
    path = root / "steps.parquet"
    try:
        return pq.read_table(
            path,
            columns=list(columns),
            filters=pc.field("arm").isin(list(arms)),
            use_threads=False,
            page_checksum_verification=True,
        )
    except (OSError, pa.ArrowException) as error:
        raise TraceError(
            f"{path} is missing or damaged ({error}). If the run was never played, or not "
            "to its end, the same command plays it on; of a finished run, fetch the table again."
        ) from error


def _read_optional(path: Path, schema: pa.Schema) -> pa.Table:
    if not path.exists():
        return schema.empty_table()
    table = read_table(path)
    if not table.schema.equals(schema):
        raise TraceError(f"{path} has other columns than this version writes: {table.schema}.")
    return table


def _read_rows(path: Path) -> tuple[EpisodeRow, ...]:
    return parse_episode_rows(read_table(path)) if path.exists() else ()


def _write_table(path: Path, table: pa.Table) -> None:
    sink = pa.BufferOutputStream()
    whole = table.combine_chunks()
    pq.write_table(whole, sink, compression="zstd", write_page_checksum=True)
    write_atomic(path, sink.getvalue().to_pybytes())
