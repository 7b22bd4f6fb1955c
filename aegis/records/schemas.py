"""Schemas: tables made of rows, and rows read from tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from aegis.records.rows import EpisodeRecord, EpisodeRow, parse_episode_row

UNIT_FIELDS = (("task", pa.int32()), ("start", pa.string()), ("index", pa.int64()))
"""Columns that name a unit."""
EPISODE_FIELDS = (*UNIT_FIELDS, ("arm", pa.string()))
"""Columns that name an episode: the unit and the arm."""
EPISODE_SCHEMA = pa.schema(
    [
        ("root", pa.int64()),
        ("suite", pa.string()),
        *EPISODE_FIELDS,
        ("instruction", pa.string()),
        ("success", pa.bool_()),
        ("stop", pa.string()),
        *((name, pa.int32()) for name in ("steps", "strong_steps", "weak_steps", "fires")),
        ("first_fire_k", pa.int32()),
        ("handover_k", pa.int32()),
        ("holds", pa.list_(pa.int32())),
        ("asks", pa.map_(pa.string(), pa.int32())),
        ("digest", pa.string()),
        ("final", pa.string()),
        ("steps_by", pa.map_(pa.string(), pa.int32())),
    ]
)
STEP_SCHEMA = pa.schema(
    [
        *EPISODE_FIELDS,
        ("k", pa.int32()),
        ("active", pa.string()),
        ("since_k", pa.int32()),
        ("next", pa.string()),
        ("boundary", pa.bool_()),
        ("dwell", pa.int32()),
        ("command", pa.string()),
        ("action", pa.list_(pa.float32())),
        ("command_reason", pa.string()),
        ("risk", pa.float64()),
        ("scores", pa.map_(pa.string(), pa.float64())),
        ("level", pa.string()),
        ("reason", pa.string()),
        ("hold", pa.int32()),
        ("fires", pa.int32()),
        ("asked", pa.list_(pa.string())),
        ("proprio", pa.list_(pa.float32())),
        ("truth", pa.map_(pa.string(), pa.list_(pa.float64()))),
        ("digest", pa.string()),
        ("pictures", pa.string()),
    ]
)
FEATURE_SCHEMA = pa.schema(
    [
        *EPISODE_FIELDS,
        ("k", pa.int32()),
        ("policy", pa.string()),
        ("layer", pa.string()),
        ("vector", pa.list_(pa.float32())),
    ]
)
SAMPLE_SCHEMA = pa.schema(
    [
        *EPISODE_FIELDS,
        ("k", pa.int32()),
        ("policy", pa.string()),
        ("shape", pa.list_(pa.int32(), 3)),
        ("values", pa.list_(pa.float32())),
    ]
)
"""One row per proposal with further draws; ``values`` holds shape (n, h, a), row by row."""


def build_episode_table(rows: Sequence[EpisodeRow]) -> pa.Table:
    """Returns the table of episodes; schema ``EPISODE_SCHEMA``."""
    return _build_table(rows, EPISODE_SCHEMA, {})


def build_step_table(episode: EpisodeRecord) -> pa.Table:
    """Returns the table of an episode's steps; schema ``STEP_SCHEMA``."""
    return _build_table(episode.steps, STEP_SCHEMA, _list_key_columns(episode))


def build_feature_table(episode: EpisodeRecord) -> pa.Table:
    """Returns the table of an episode's activations; schema ``FEATURE_SCHEMA``."""
    return _build_table(episode.features, FEATURE_SCHEMA, _list_key_columns(episode))


def build_sample_table(episode: EpisodeRecord) -> pa.Table:
    """Returns the table of an episode's further draws; schema ``SAMPLE_SCHEMA``."""
    rows = [
        {
            **_list_key_columns(episode),
            "k": row.k,
            "policy": row.policy,
            "shape": list(row.samples.shape),
            "values": row.samples.ravel(),
        }
        for row in episode.samples
    ]
    return pa.Table.from_pylist(rows, schema=SAMPLE_SCHEMA)


def parse_episode_rows(table: pa.Table) -> tuple[EpisodeRow, ...]:
    """Returns the rows of a table of episodes."""
    return tuple(parse_episode_row(row) for row in table.to_pylist())


def _list_key_columns(episode: EpisodeRecord) -> dict[str, object]:
    row = episode.row
    return {"task": row.task, "start": row.start, "index": row.index, "arm": row.arm}


def _build_table(
    rows: Sequence[object], schema: pa.Schema, fixed: Mapping[str, object]
) -> pa.Table:
    columns = []
    for column in schema:
        if column.name in fixed:
            values: list[object] = [fixed[column.name]] * len(rows)
        else:
            values = [_to_list(getattr(row, column.name)) for row in rows]
        # from_pandas=False: NaN (unknown) must stay distinct from null (nothing arrived).
        columns.append(pa.array(values, type=column.type, from_pandas=False))
    return pa.Table.from_arrays(columns, schema=schema)


def _to_list(value: object) -> object:
    return value.tolist() if isinstance(value, np.ndarray) else value
