"""Tables edited and sealed again: what is found without playing, and what by playing all again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aegis.app.study.checks.completeness import check_completeness
from aegis.app.study.reporting import StoredStudy
from aegis.records.rows import EpisodeRow
from aegis.records.store import RunTables
from aegis.study.play.small_tables import StudyTables
from aegis.study.verification import sample_units
from tests.app.forging import (
    edit_calibration,
    edit_rows,
    edit_table,
    flip_outcome,
    lock_again,
    seal_again,
)
from tests.app.studied import failed
from tests.app.typed import type_in


def forge_consistently(root: Path) -> EpisodeRow:
    """Edits every table so that none contradicts itself or another; returns one edited row."""
    rows = RunTables.read_folder(root).episodes
    handed = [row for row in rows if row.arm in ("blind", "random") and row.strong_steps]
    unit = next(r.key for r in handed if sum(o.key == r.key for o in handed) == 2)
    swap = {"blind": "random", "random": "blind"}
    flipped = next(row for row in handed if row.key != unit)
    longer = next(row for row in handed if row.key not in (unit, flipped.key))

    def edit(row: EpisodeRow) -> EpisodeRow:
        if row.key == unit and row.arm in swap:
            return replace(row, arm=swap[row.arm])
        if row == flipped:
            return flip_outcome(row)
        if row == longer:
            return replace(row, steps=row.steps + 1, strong_steps=row.strong_steps + 1)
        return row

    assert edit_rows(root, "episodes", edit) == 4
    fork = next(row for row in StudyTables.read_folder(root).forks if row.arm != "weak")
    assert edit_rows(root, "forks", lambda row: flip_outcome(row) if row == fork else row) == 1
    edit_table(root, "scores", lambda rows: _raise_score(rows[-1]))
    key, event = flipped.key, {"kind": "drop", "k": 1}
    place = {"task": key.task, "start": key.start, "index": key.index}
    edit_table(root, "events", lambda rows: rows.append(place | event))
    edit_calibration(root, lambda row: flip_outcome(row) if row.arm == "ours" else row)
    return flipped


@pytest.mark.slow
def test_consistent_edits_are_found_by_playing_all_again(place: Path) -> None:
    root = place / "runs/study"
    flipped = forge_consistently(root)
    lock_again(root, lambda tree: None)
    type_in(place, "study", "report", "study")
    answer = type_in(place, "study", "verify", "study", "sample=0")
    assert answer["verified"], "nothing but playing again can know"
    wrong = failed(type_in(place, "study", "verify", "study", "sample=all", code=4))
    assert set(wrong) == {
        "played again",
        "scores again",
        "events again",
        "forks again",
        "calibration again",
    }
    assert "and 1 more" in wrong["played again"]
    units = list({row.key: None for row in RunTables.read_folder(root).episodes})
    pick = next(n for n in range(99) if flipped.key in sample_units(units, 1, n))
    words = ("study", "verify", "study", "sample=1", f"pick={pick}")
    wrong = failed(type_in(place, *words, code=4))
    assert f"{flipped.arm}: success, stop differ" in wrong["played again"], "where it is sampled"


def _raise_score(row: dict[str, Any]) -> None:
    row["scores"] = [(name, score + 0.01) for name, score in row["scores"]]


def drop_unit(root: Path, which: int) -> None:
    units = list({row.key: None for row in RunTables.read_folder(root).episodes})
    gone = units[which]
    edit_rows(root, "episodes", lambda row: None if row.key == gone else row)
    for name in ("scores", "events"):
        edit_table(root, name, lambda rows: _take_out(rows, gone.task, gone.index))


def _take_out(rows: list[dict[str, object]], task: int, index: int) -> None:
    rows[:] = [row for row in rows if (row["task"], row["index"]) != (task, index)]


def drop_fork(root: Path) -> None:
    first = StudyTables.read_folder(root).forks[0]
    edit_rows(root, "forks", lambda row: None if row.key == first.key else row)


def drop_score(root: Path) -> None:
    edit_table(root, "scores", lambda rows: _take_out(rows, rows[0]["task"], rows[0]["index"]))


def drop_calibration(root: Path) -> None:
    gone: list[EpisodeRow] = []

    def edit(row: EpisodeRow) -> EpisodeRow | None:
        gone.append(row)
        return None if row.key == gone[0].key else row

    edit_calibration(root, edit)


@pytest.mark.parametrize(
    ("forge", "check", "says"),
    [
        (lambda root: drop_unit(root, 0), "units", "not the first 11 of the plan"),
        (lambda root: drop_unit(root, -1), "stop", "11 units were played; the plan stops after 12"),
        (drop_fork, "forks", "missing"),
        (drop_score, "scores", "missing"),
        (drop_calibration, "calibration", "not one on each of the 4 planned units"),
    ],
    ids=["first unit", "last unit", "fork", "scores", "calibration"],
)
def test_what_was_taken_out_is_missed_without_playing(
    place: Path, forge: Callable[[Path], None], check: str, says: str
) -> None:
    root = place / "runs/study"
    forge(root)
    lock_again(root, lambda tree: None)
    stored, tables = StoredStudy.read_folder(root), StudyTables.read_folder(root)
    checks = check_completeness(root, stored, tables)
    assert says in {one.name: one.detail for one in checks if not one.passed}[check]


def test_an_edited_calibration_table_is_not_the_locked_one(place: Path) -> None:
    root = place / "runs/study"
    edit_calibration(root, lambda row: flip_outcome(row) if row.arm == "ours" else row)
    seal_again(root)
    wrong = failed(type_in(place, "study", "verify", "study", "sample=0", code=4))
    assert "calibration: locked" in wrong["calibration"]
    assert "frontier" in wrong["numbers"], "and the report rests on it"
    stored, tables = StoredStudy.read_folder(root), StudyTables.read_folder(root)
    (root / "calibration.parquet").unlink()
    (check,) = [c for c in check_completeness(root, stored, tables) if c.name == "calibration"]
    assert "found 'nothing'" in check.detail


def test_a_table_without_sense_is_found_and_is_no_fault_of_ours(place: Path) -> None:
    root = place / "runs/study"
    edit_table(root, "scores", lambda rows: rows[-1].update(proprio=[0.5]))
    seal_again(root)
    wrong = failed(type_in(place, "study", "verify", "study", "sample=0", code=4))
    assert "no result can be computed from these tables" in wrong["numbers"]
