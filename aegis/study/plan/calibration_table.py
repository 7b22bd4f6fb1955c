"""Calibration table: the episodes that dials were set on, kept beside the plan."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from aegis.records.files import write_atomic
from aegis.records.schemas import EPISODE_SCHEMA, build_episode_table, parse_episode_rows
from aegis.records.store import read_table
from aegis.study.plan.context import PlayedSetting

CALIBRATION_FILE = "calibration.parquet"
_SCHEMA = EPISODE_SCHEMA.append(pa.field("setting", pa.string()))


def write_calibration_table(root: Path, tried: Sequence[PlayedSetting]) -> None:
    """Writes ``calibration.parquet``: all episodes, with the setting that they were played at.

    Raises:
        MachineError: If it cannot be written.
    """
    parts = [_SCHEMA.empty_table()]
    for one in tried:
        rows = build_episode_table(one.rows)
        parts.append(rows.append_column("setting", pa.array([one.words] * len(rows), pa.string())))
    sink = pa.BufferOutputStream()
    whole = pa.concat_tables(parts).combine_chunks()
    pq.write_table(whole, sink, compression="zstd", write_page_checksum=True)
    root.mkdir(parents=True, exist_ok=True)
    write_atomic(root / CALIBRATION_FILE, sink.getvalue().to_pybytes())


def read_calibration_table(root: Path) -> tuple[PlayedSetting, ...]:
    """Reads it; nothing if no dial was set.

    Raises:
        TraceError: If it is damaged.
    """
    if not (root / CALIBRATION_FILE).exists():
        return ()
    table = read_table(root / CALIBRATION_FILE)
    words = table.column("setting").to_pylist()
    rows = list(zip(words, parse_episode_rows(table.drop_columns(["setting"])), strict=True))
    found = groupby(rows, key=lambda pair: (pair[1].arm, pair[0]))
    return tuple(
        PlayedSetting(arm, setting, tuple(row for _, row in pairs))
        for (arm, setting), pairs in found
    )
