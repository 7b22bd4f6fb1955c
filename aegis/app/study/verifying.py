"""Verifying: every check of a finished study, from lock to episodes."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from aegis.app.screen import Screen
from aegis.app.study.prepared_study import PreparedStudy, compose_locked, open_study
from aegis.app.study.reporting import REPORT_FILE, StoredStudy
from aegis.app.study.running import LOCK_KEY, build_fork_arms
from aegis.core.errors import AegisError
from aegis.fleet.arm import Arm
from aegis.fleet.progress import NullSink
from aegis.fleet.run_plan import RunPlan, compute_identity
from aegis.records.manifest import read_manifest
from aegis.records.rows import EpisodeRow
from aegis.records.store import RunTables
from aegis.study.plan.calibration_table import read_calibration_table
from aegis.study.plan.lockfile import compare_digests
from aegis.study.play.seal import check_seal
from aegis.study.play.small_tables import StudyTables, write_small_tables
from aegis.study.verification import (
    CheckResult,
    check_digests,
    check_numbers,
    check_replay,
    check_rows,
    check_table,
    check_units,
    sample_units,
)

_T = TypeVar("_T")
_ROUNDING_PREFIX = "rounding."
_REPLAYED_UNITS = 2
"""Units of the fork set, and of calibration, that are played again: they have many arms."""


def verify_study(
    root: Path, count: int, pick: int, machine: Mapping[str, object], screen: Screen
) -> tuple[CheckResult, ...]:
    """Checks a finished study.

    Args:
        root: Run folder.
        count: Units to play again; 0 for none.
        pick: Another number draws others.
        machine: Workers and slots, if others are wanted.
        screen: Is told.
    """
    checks: list[CheckResult] = []
    found = _catch_refusal(checks, "plan", lambda: StoredStudy.read_folder(root))
    if found is None:
        return tuple(checks)
    digests = found.locked.digests
    checks.append(CheckResult("plan", True, 1, "the text is what was locked"))
    _catch_refusal(checks, "seal", lambda: checks.append(_check_sealed_tables(root, found)))
    for change in found.changes:
        screen.print_note(f"not as locked: {change}")
    tables = _catch_refusal(checks, "tables", lambda: StudyTables.read_folder(root))
    if tables is not None:
        _catch_refusal(
            checks, "numbers", lambda: checks.append(_check_report_numbers(root, found, tables))
        )
        checks.append(check_rows(tables.episodes, found.plan.reference))
        with open_study(compose_locked(found.locked, machine)) as stand:
            built = stand.collect_digests()
            checks.append(
                check_digests(
                    "policies and assets", compare_digests(digests, built), len(built), "as locked"
                )
            )
            arms = stand.build_arms()
            units = stand.list_test_units()
            _catch_refusal(
                checks,
                "manifest",
                lambda: checks.append(_check_manifest(stand, root, found, screen)),
            )
            checks.append(check_units(tables.episodes, [arm.name for arm in arms], units))
            if count:
                checks += _replay_units(stand, root, tables, arms, (count, pick), screen)
    return tuple(checks)


def _check_sealed_tables(root: Path, found: StoredStudy) -> CheckResult:
    """Checks that tables are what the run left behind, under this very plan."""
    digest = found.locked.digest
    seal = check_seal(root, digest)
    wrong = (
        []
        if _read_identity(root).get(LOCK_KEY) == digest
        else ["the run was played under another plan"]
    )
    absent = seal.list_absent(root)
    good = f"as sealed{'; not here: ' + ', '.join(absent) if absent else ''}"
    return CheckResult.from_faults("seal", len(seal.tables) - len(absent), wrong, good)


def _check_manifest(
    stand: PreparedStudy, root: Path, found: StoredStudy, screen: Screen
) -> CheckResult:
    """Checks that the run was made of what the plan says: arms, policies, horizon, seeds.

    Rounding is this machine's affair; where it is another one, the last bits may be, too.
    """
    plan = stand.plan_run(
        stand.list_test_units(), stand.build_arms(), {LOCK_KEY: found.locked.digest}
    )
    here = compute_identity(plan, stand.lab.policies)
    there = {str(name): str(value) for name, value in _read_identity(root).items()}
    changes = compare_digests(there, here)
    for change in changes:
        if change.name.startswith(_ROUNDING_PREFIX):
            screen.print_note(f"{change}: this machine may not repeat a run bit for bit")
    other = [change for change in changes if not change.name.startswith(_ROUNDING_PREFIX)]
    return check_digests("manifest", other, len(here), "arms, policies and seeds of the plan")


def _read_identity(root: Path) -> Mapping[str, object]:
    found = read_manifest(root)["identity"]
    assert isinstance(found, dict)
    return found


def _check_report_numbers(root: Path, found: StoredStudy, tables: StudyTables) -> CheckResult:
    """Recomputes the report."""
    path = root / REPORT_FILE
    if not path.exists():
        return CheckResult(
            "numbers", False, 0, f"{path} is missing; write it: aegis study report {root}"
        )
    try:
        reported = json.loads(path.read_text())
    except ValueError as error:
        return CheckResult("numbers", False, 0, f"{path} is damaged: {error}")
    return check_numbers(reported, json.loads(found.compute_result(tables).to_json_text()))


def _replay_units(
    stand: PreparedStudy,
    root: Path,
    tables: StudyTables,
    arms: tuple[Arm, ...],
    drawn: tuple[int, int],
    screen: Screen,
) -> list[CheckResult]:
    """Plays a sample of units again, in all arms, and the forks and calibration of some."""
    units = list(dict.fromkeys(row.key for row in tables.episodes))
    keys = sample_units(units, *drawn) if units else ()
    if not keys:
        return [CheckResult("played again", False, 0, "nothing to check")]
    screen.print_note(f"playing {len(keys)} units again, with {len(arms)} arms each")
    checks = []
    with tempfile.TemporaryDirectory(prefix="aegis-verify-") as scratch:
        place = Path(scratch) / "run"
        again = _play_plan(stand, stand.plan_run(keys, arms, {}, stand.read_truth_names()), place)
        checks.append(check_replay("played again", tables.episodes, again.episodes))
        write_small_tables(place, stand.list_kept_arms(), stand.plan.reference)
        small = StudyTables.read_folder(place)
        for name, stored, fresh in (
            ("scores again", tables.scores, small.scores),
            ("events again", tables.events, small.events),
        ):
            if stored.num_rows:
                checks.append(check_table(name, stored, fresh, keys))
        if (root / "steps.parquet").exists():
            stored, fresh = RunTables.read_folder(root).read_steps(), again.read_steps()
            checks.append(check_table("steps again", stored, fresh, keys))
        chosen = build_fork_arms(stand, arms)
        there = list(dict.fromkeys(row.key for row in tables.forks))
        if chosen and there:
            mine = sample_units(there, *drawn)[:_REPLAYED_UNITS]
            rows = _play_plan(
                stand, stand.plan_run(mine, chosen, {}), Path(scratch) / "forks"
            ).episodes
            checks.append(check_replay("forks again", tables.forks, rows))
        checks += _replay_calibration(stand, root, arms, Path(scratch), drawn)
    return checks


def _replay_calibration(
    stand: PreparedStudy, root: Path, arms: Sequence[Arm], scratch: Path, drawn: tuple[int, int]
) -> list[CheckResult]:
    """Plays calibration units again at the settings that were locked."""
    dials = stand.arms.dials
    stored: list[EpisodeRow] = []
    for one in read_calibration_table(root):
        if one.arm in dials:
            stored += one.rows
    units = {row.key for row in stored}
    if not units:
        return []
    keys = sample_units(list(units), *drawn)[:_REPLAYED_UNITS]
    chosen = [arm for arm in arms if arm.name in dials]
    rows = _play_plan(stand, stand.plan_run(keys, chosen, {}), scratch / "calibration").episodes
    known = set(stored)
    wrong = [f"{row.key}, {row.arm}" for row in rows if row not in known]
    return [
        CheckResult.from_faults(
            "calibration again", len(rows), wrong, "episodes at the locked settings"
        )
    ]


def _play_plan(stand: PreparedStudy, plan: RunPlan, out: Path) -> RunTables:
    machine = replace(stand.build_executor(Screen(machine=True), "verify", out), sink=NullSink())
    return machine.execute_plan(replace(plan, audit=0.0), out)


def _catch_refusal(checks: list[CheckResult], name: str, act: Callable[[], _T]) -> _T | None:
    """Does something that may be refused; a refusal is a check that failed."""
    try:
        return act()
    except AegisError as error:
        checks.append(CheckResult(name, False, 1, str(error)))
        return None
