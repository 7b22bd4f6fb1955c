"""Tried: the episodes that dials were set on, kept beside the plan."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from aegis.records.files import write_atomic
from aegis.records.rows import EPISODES, episode_rows, episode_table
from aegis.records.store import read_table
from aegis.study.plan.context import Setting

NAME = "calibration.parquet"
_SCHEMA = EPISODES.append(pa.field("setting", pa.string()))


def write_tried(root: Path, tried: Sequence[Setting]) -> None:
    """Writes ``calibration.parquet``: all episodes, with the setting that they were played at.

    Raises:
        MachineError: If it cannot be written.
    """
    parts = [_SCHEMA.empty_table()]
    for one in tried:
        rows = episode_table(one.rows)
        parts.append(rows.append_column("setting", pa.array([one.words] * len(rows), pa.string())))
    sink = pa.BufferOutputStream()
    whole = pa.concat_tables(parts).combine_chunks()
    pq.write_table(whole, sink, compression="zstd", write_page_checksum=True)
    root.mkdir(parents=True, exist_ok=True)
    write_atomic(root / NAME, sink.getvalue().to_pybytes())


def read_tried(root: Path) -> tuple[Setting, ...]:
    """Reads it; nothing if no dial was set.

    Raises:
        TraceError: If it is damaged.
    """
    if not (root / NAME).exists():
        return ()
    table = read_table(root / NAME)
    words = table.column("setting").to_pylist()
    rows = list(zip(words, episode_rows(table.drop_columns(["setting"])), strict=True))
    found = groupby(rows, key=lambda pair: (pair[1].arm, pair[0]))
    return tuple(
        Setting(arm, setting, tuple(row for _, row in pairs)) for (arm, setting), pairs in found
    )
