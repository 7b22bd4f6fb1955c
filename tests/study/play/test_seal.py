"""Seals: a table that was edited, lost or added by hand is found out."""

from __future__ import annotations

from pathlib import Path

import pytest

from aegis.core.errors import LockError, TraceError
from aegis.study.play.seal import SEAL_FILE, check_seal, read_seal, write_seal

FILES = ("manifest.json", "episodes.parquet", "steps.parquet", "scores.parquet")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in FILES:
        (tmp_path / name).write_text(name)
    write_seal(tmp_path, "lock")
    return tmp_path


def test_a_whole_run_passes(root: Path) -> None:
    seal = check_seal(root, "lock")
    assert set(seal.tables) == set(FILES)
    assert read_seal(root) == seal
    before = (root / SEAL_FILE).read_bytes()
    write_seal(root, "lock")
    assert (root / SEAL_FILE).read_bytes() == before


@pytest.mark.parametrize("name", FILES)
def test_an_edited_table_is_named(root: Path, name: str) -> None:
    (root / name).write_text(name + " ")
    with pytest.raises(LockError, match=name):
        check_seal(root, "lock")


def test_what_may_be_missing_and_what_may_not(root: Path) -> None:
    (root / "steps.parquet").unlink()
    assert check_seal(root, "lock").list_absent(root) == ("steps.parquet",)
    (root / "episodes.parquet").unlink()
    with pytest.raises(LockError, match=r"episodes\.parquet: .*found 'nothing'"):
        check_seal(root, "lock")


def test_a_table_that_was_added_is_found(root: Path) -> None:
    (root / "forks.parquet").write_text("made up")
    with pytest.raises(LockError, match=r"forks\.parquet: locked 'nothing'"):
        check_seal(root, "lock")


def test_another_plan_is_found(root: Path) -> None:
    with pytest.raises(LockError, match=r"plan\.yaml"):
        check_seal(root, "another lock")


def test_no_seal_and_a_damaged_one(root: Path) -> None:
    (root / SEAL_FILE).write_text('{"lock": 3}')
    with pytest.raises(TraceError, match="damaged"):
        check_seal(root, "lock")
    (root / SEAL_FILE).unlink()
    assert read_seal(root) is None
    with pytest.raises(TraceError, match="not finished"):
        check_seal(root, "lock")
