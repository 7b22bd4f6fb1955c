"""What a plan says would be played is there, each once, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from aegis.records.rows import EpisodeRow
from aegis.study.completeness import (
    check_calibration_table,
    check_forks,
    check_scores,
    check_stop,
    name_fork_arms,
)
from aegis.study.plan.calibration_table import CALIBRATION_FILE, write_calibration_table
from aegis.study.plan.context import PlayedSetting
from aegis.study.plan.digests import compute_file_digest
from aegis.study.plan.lockfile import LockedPlan, write_lock
from aegis.study.plan.study_plan import SEQUENTIAL
from tests.study.rows import plan, row, tables

ROWS = [row(arm, n, True, strong=10) for n in range(4) for arm in ("weak", "ours")]
UNITS = [one.key for one in ROWS if one.arm == "weak"]


def play_contrasts(won: Sequence[bool]) -> list[EpisodeRow]:
    """Rows of all planned arms; the first arm of each contrast alone solves some units."""
    arms = {c.arm for c in plan().contrasts}
    others = {c.against for c in plan().contrasts} - arms
    return [
        row(arm, n, here and arm in arms, strong=10)
        for n, here in enumerate(won)
        for arm in sorted(arms | others)
    ]


def test_a_fixed_study_ends_at_its_last_unit() -> None:
    assert check_stop(ROWS, plan(), UNITS).passed
    wrong = check_stop(ROWS[:-2], plan(), UNITS)
    assert wrong.detail == "3 units were played; the plan stops after 4 units"
    assert not check_stop((), plan(), UNITS).passed


def test_a_sequential_study_ends_at_the_first_look_that_decides() -> None:
    sequential = replace(plan(), stopping=SEQUENTIAL, looks=(10, 20))
    rows = play_contrasts([True] * 30)
    units = list(dict.fromkeys(one.key for one in rows))

    def stop(count: int, given: Sequence[EpisodeRow] = rows) -> str:
        kept = set(units[:count])
        check = check_stop([r for r in given if r.key in kept], sequential, units)
        return "" if check.passed else check.detail

    assert not stop(10), "ten wins of ten decide"
    assert "the rule stops at 10 units, and 20 were played" in stop(20)
    assert "12 units were played; the plan stops after 30 units, or at [10, 20]" in stop(12)
    open_rows = play_contrasts([False] * 30)
    assert not stop(30, open_rows)
    assert "stopped at 20 units, where nothing was decided" in stop(20, open_rows)
    assert "a unit lacks an arm at 10 units" in stop(10, rows[1:])


def test_forks_are_all_there_once() -> None:
    names = name_fork_arms("weak", (0, 25))
    assert names == ("weak", *(f"{w}_at_{k}" for w in ("strong", "reseed") for k in ("000", "025")))
    rows = [row(name, n, True, strong=10) for n in range(2) for name in names]
    units = list(dict.fromkeys(one.key for one in rows))
    assert check_forks(rows, units, names).passed
    assert "missing" in check_forks(rows[1:], units, names).detail
    assert "not planned, or twice" in check_forks([*rows, rows[0]], units, names).detail
    more = row("strong_at_050", 0, True, strong=10)
    assert "strong_at_050: not planned" in check_forks([*rows, more], units, names).detail
    assert check_forks((), (), names).passed
    assert not check_forks(rows, (), names).passed
    assert not check_forks((), units, names).passed


def test_scores_are_there_for_every_kept_episode() -> None:
    given = tables()
    arms = tuple(dict.fromkeys(given.scores.column("arm").to_pylist()))
    assert check_scores(given.scores, given.episodes, arms).passed
    first = given.scores.slice(given.scores.num_rows // 2)
    assert "missing" in check_scores(first, given.episodes, arms).detail
    assert "not planned" in check_scores(given.scores, given.episodes, arms[:1]).detail or (
        len(arms) == 1
    )
    assert not check_scores(given.scores.slice(0, 0), given.episodes, arms).passed


@pytest.fixture
def locked(tmp_path: Path) -> LockedPlan:
    ours = [one for one in ROWS if one.arm == "ours"]
    write_calibration_table(tmp_path, [PlayedSetting("ours", "gate.threshold 0.1", ours)])
    digest = compute_file_digest(tmp_path / CALIBRATION_FILE)
    return write_lock(tmp_path, {"name": "a"}, {"calibration": digest})


def test_the_calibration_table_is_the_locked_one(tmp_path: Path, locked: LockedPlan) -> None:
    check = check_calibration_table(tmp_path, locked, UNITS)
    assert check.passed
    assert check.detail.startswith("the file is the locked one; 1 settings")
    assert "not one on each of the 3" in check_calibration_table(tmp_path, locked, UNITS[:3]).detail
    path = tmp_path / CALIBRATION_FILE
    path.write_bytes(path.read_bytes() + b" ")
    assert "calibration: locked" in check_calibration_table(tmp_path, locked, UNITS).detail
    path.unlink()
    assert "found 'nothing'" in check_calibration_table(tmp_path, locked, UNITS).detail


def test_an_early_lock_without_its_digest_and_a_study_without_dials(
    tmp_path: Path, locked: LockedPlan
) -> None:
    early = replace(locked, digests={})
    check = check_calibration_table(tmp_path, early, UNITS)
    assert check.passed
    assert "the lock has no digest of the file" in check.detail
    (tmp_path / CALIBRATION_FILE).unlink()
    assert check_calibration_table(tmp_path, early, UNITS).passed
