"""Latency table: durations of calls and decisions, measured on a few units of a study.

Times are no part of what a run repeats bit for bit. They are measured once, on a few units that
are played again in one process, an arm at a time, and kept in a sealed table of their own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import pyarrow as pa

from aegis.records.schemas import EPISODE_FIELDS

LATENCY_FILE = "latency.parquet"
LATENCY = pa.schema(
    [
        *EPISODE_FIELDS,
        ("k", pa.int32()),
        ("calls", pa.map_(pa.string(), pa.int64())),
        ("decide", pa.int64()),
    ]
)
"""One row per control step: time of the query of each policy [ns], if any was asked, and of the
controller with detectors, gate and switch [ns]."""
MACHINE_KEY = b"aegis.machine"
"""Key of the machine's description in the header of the table."""


def make_latency_table(
    rows: Sequence[Mapping[str, object]], machine: Mapping[str, str]
) -> pa.Table:
    """Returns the table of measured times, with the machine in its header."""
    table = pa.Table.from_pylist(list(rows), schema=LATENCY)
    return table.replace_schema_metadata({MACHINE_KEY: json.dumps(dict(machine))})
