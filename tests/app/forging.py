"""A forger with the whole folder in hand: edits tables and plan, and seals and locks them again."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from aegis.records.rows import EpisodeRow
from aegis.records.store import RunTables
from aegis.study.plan.calibration_table import (
    CALIBRATION_FILE,
    read_calibration_table,
    write_calibration_table,
)
from aegis.study.plan.context import PlayedSetting
from aegis.study.plan.digests import compute_file_digest
from aegis.study.plan.lockfile import read_lock, write_lock
from aegis.study.play.seal import write_seal
from aegis.study.play.small_tables import StudyTables, write_forks

Edit = Callable[[EpisodeRow], EpisodeRow | None]
"""What becomes of a row; None if it is taken out."""


def edit_rows(root: Path, file: str, edit: Edit) -> int:
    """Edits ``episodes`` or ``forks``; returns how many rows became others."""
    tables = StudyTables.read_folder(root)
    rows = tables.forks if file == "forks" else RunTables.read_folder(root).episodes
    edited = [edit(row) for row in rows]
    scratch = root / "scratch"
    scratch.mkdir()
    write_forks(scratch, [row for row in edited if row is not None])
    (scratch / "forks.parquet").replace(root / f"{file}.parquet")
    scratch.rmdir()
    return sum(one != other for one, other in zip(rows, edited, strict=True))


def edit_table(root: Path, file: str, edit: Callable[[list[dict[str, Any]]], None]) -> None:
    """Edits a table of other rows, ``scores`` or ``events``."""
    path = root / f"{file}.parquet"
    table = pq.read_table(path)
    rows = table.to_pylist()
    edit(rows)
    pq.write_table(pa.Table.from_pylist(rows, table.schema), path)


def edit_calibration(root: Path, edit: Edit) -> None:
    """Edits the episodes that dials were set on, at every setting."""
    played = [
        PlayedSetting(one.arm, one.words, [r for r in map(edit, one.rows) if r is not None])
        for one in read_calibration_table(root)
    ]
    write_calibration_table(root, played)


def flip_outcome(row: EpisodeRow) -> EpisodeRow:
    """Turns the outcome of an episode round."""
    return replace(row, success=not row.success, stop="horizon" if row.success else "success")


def seal_again(root: Path) -> None:
    """Seals the tables as they are now, under the plan as it is now."""
    path, digest = root / "manifest.json", read_lock(root).digest
    manifest = json.loads(path.read_text())
    manifest["identity"]["lock"] = digest
    path.write_text(json.dumps(manifest, indent=1))
    write_seal(root, digest)


def lock_again(root: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    """Writes the plan anew, with every digest as it would be, and seals the tables under it."""
    locked = read_lock(root)
    tree = json.loads(json.dumps(dict(locked.tree)))
    edit(tree)
    digests: Mapping[str, str] = {
        **{name: value for name, value in locked.digests.items() if name != "plan"},
        "calibration": compute_file_digest(root / CALIBRATION_FILE),
    }
    (root / "plan.yaml").unlink()
    write_lock(root, tree, digests)
    seal_again(root)
