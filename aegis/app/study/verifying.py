"""Verifying: all that can be checked about a finished study, from lock to episodes."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from aegis.app.screen import Screen
from aegis.app.study.prepared import Stand, composed_of, open_stand
from aegis.app.study.reporting import JSON, Found
from aegis.app.study.running import LOCK, forked
from aegis.core.errors import AegisError
from aegis.fleet.arm import Arm
from aegis.fleet.progress import NullSink
from aegis.fleet.run_plan import Plan, identity
from aegis.records.manifest import read as read_manifest
from aegis.records.rows import EpisodeRow
from aegis.records.store import RunTables
from aegis.study.plan.calibration_table import read_tried
from aegis.study.plan.lockfile import compare
from aegis.study.play.seal import check_seal
from aegis.study.play.small_tables import StudyTables, distil
from aegis.study.verification import (
    Check,
    check_again,
    check_changes,
    check_numbers,
    check_rows,
    check_table,
    check_units,
    sample,
)

_T = TypeVar("_T")
_ROUNDING = "rounding."
_FEW = 2
"""Units of the fork set, and of calibration, that are played again: they have many arms."""


def verify(
    root: Path, count: int, pick: int, machine: Mapping[str, object], screen: Screen
) -> tuple[Check, ...]:
    """Checks a finished study.

    Args:
        root: Run folder.
        count: Units to play again; 0 for none.
        pick: Another number draws others.
        machine: Workers and slots, if others are wanted.
        screen: Is told.
    """
    checks: list[Check] = []
    found = _try(checks, "plan", lambda: Found.read(root))
    if found is None:
        return tuple(checks)
    digests = found.locked.digests
    checks.append(Check("plan", True, 1, "the text is what was locked"))
    _try(checks, "seal", lambda: checks.append(_sealed(root, found)))
    for change in found.changes:
        screen.note(f"not as locked: {change}")
    tables = _try(checks, "tables", lambda: StudyTables.load(root))
    if tables is not None:
        _try(checks, "numbers", lambda: checks.append(_numbers(root, found, tables)))
        checks.append(check_rows(tables.episodes, found.plan.reference))
        with open_stand(composed_of(found.locked, machine)) as stand:
            built = stand.digests()
            checks.append(
                check_changes(
                    "policies and assets", compare(digests, built), len(built), "as locked"
                )
            )
            arms = stand.played()
            units = stand.test()
            _try(checks, "manifest", lambda: checks.append(_manifest(stand, root, found, screen)))
            checks.append(check_units(tables.episodes, [arm.name for arm in arms], units))
            if count:
                checks += _again(stand, root, tables, arms, (count, pick), screen)
    return tuple(checks)


def _sealed(root: Path, found: Found) -> Check:
    """Checks that tables are what the run left behind, under this very plan."""
    digest = found.locked.digest
    seal = check_seal(root, digest)
    wrong = [] if _identity(root).get(LOCK) == digest else ["the run was played under another plan"]
    absent = seal.absent(root)
    good = f"as sealed{'; not here: ' + ', '.join(absent) if absent else ''}"
    return Check.of("seal", len(seal.tables) - len(absent), wrong, good)


def _manifest(stand: Stand, root: Path, found: Found, screen: Screen) -> Check:
    """Checks that the run was made of what the plan says: arms, policies, horizon, seeds.

    Rounding is this machine's affair; where it is another one, the last bits may be, too.
    """
    plan = stand.to_play(stand.test(), stand.played(), {LOCK: found.locked.digest})
    here = identity(plan, stand.lab.policies)
    there = {str(name): str(value) for name, value in _identity(root).items()}
    changes = compare(there, here)
    for change in changes:
        if change.name.startswith(_ROUNDING):
            screen.note(f"{change}: this machine may not repeat a run bit for bit")
    other = [change for change in changes if not change.name.startswith(_ROUNDING)]
    return check_changes("manifest", other, len(here), "arms, policies and seeds of the plan")


def _identity(root: Path) -> Mapping[str, object]:
    found = read_manifest(root)["identity"]
    assert isinstance(found, dict)
    return found


def _numbers(root: Path, found: Found, tables: StudyTables) -> Check:
    """Recomputes the report."""
    path = root / JSON
    if not path.exists():
        return Check("numbers", False, 0, f"{path} is missing; write it: aegis study report {root}")
    try:
        reported = json.loads(path.read_text())
    except ValueError as error:
        return Check("numbers", False, 0, f"{path} is damaged: {error}")
    return check_numbers(reported, json.loads(found.result(tables).text()))


def _again(
    stand: Stand,
    root: Path,
    tables: StudyTables,
    arms: tuple[Arm, ...],
    drawn: tuple[int, int],
    screen: Screen,
) -> list[Check]:
    """Plays a sample of units again, in all arms, and the forks and calibration of some."""
    units = list(dict.fromkeys(row.key for row in tables.episodes))
    keys = sample(units, *drawn) if units else ()
    if not keys:
        return [Check("played again", False, 0, "nothing to check")]
    screen.note(f"playing {len(keys)} units again, with {len(arms)} arms each")
    checks = []
    with tempfile.TemporaryDirectory(prefix="aegis-verify-") as scratch:
        place = Path(scratch) / "run"
        again = _play(stand, stand.to_play(keys, arms, {}, stand.truth()), place)
        checks.append(check_again("played again", tables.episodes, again.episodes))
        distil(place, stand.keep(), stand.plan.reference)
        small = StudyTables.load(place)
        for name, stored, fresh in (
            ("scores again", tables.scores, small.scores),
            ("events again", tables.events, small.events),
        ):
            if stored.num_rows:
                checks.append(check_table(name, stored, fresh, keys))
        if (root / "steps.parquet").exists():
            stored, fresh = RunTables.load(root).steps(), again.steps()
            checks.append(check_table("steps again", stored, fresh, keys))
        chosen = forked(stand, arms)
        there = list(dict.fromkeys(row.key for row in tables.forks))
        if chosen and there:
            mine = sample(there, *drawn)[:_FEW]
            rows = _play(stand, stand.to_play(mine, chosen, {}), Path(scratch) / "forks").episodes
            checks.append(check_again("forks again", tables.forks, rows))
        checks += _calibration(stand, root, arms, Path(scratch), drawn)
    return checks


def _calibration(
    stand: Stand, root: Path, arms: Sequence[Arm], scratch: Path, drawn: tuple[int, int]
) -> list[Check]:
    """Plays calibration units again at the settings that were locked."""
    dials = stand.arms.dials
    stored: list[EpisodeRow] = []
    for one in read_tried(root):
        if one.gate in dials:
            stored += one.rows
    units = {row.key for row in stored}
    if not units:
        return []
    keys = sample(list(units), *drawn)[:_FEW]
    chosen = [arm for arm in arms if arm.name in dials]
    rows = _play(stand, stand.to_play(keys, chosen, {}), scratch / "calibration").episodes
    known = set(stored)
    wrong = [f"{row.key}, {row.arm}" for row in rows if row not in known]
    return [Check.of("calibration again", len(rows), wrong, "episodes at the locked settings")]


def _play(stand: Stand, plan: Plan, out: Path) -> RunTables:
    machine = replace(stand.machine(Screen(machine=True), "verify", out), sink=NullSink())
    return machine.run(replace(plan, audit=0.0), out)


def _try(checks: list[Check], name: str, act: Callable[[], _T]) -> _T | None:
    """Does something that may be refused; a refusal is a check that failed."""
    try:
        return act()
    except AegisError as error:
        checks.append(Check(name, False, 1, str(error)))
        return None
