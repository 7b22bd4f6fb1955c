"""Verifying: all checks of a finished study, from lock to episodes."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from aegis.app.extras import list_missing_modules
from aegis.app.screen import Screen
from aegis.app.study.checks.files import check_files
from aegis.app.study.checks.publication import (
    NOTHING_PUBLISHED,
    Publication,
    check_publication,
)
from aegis.app.study.checks.refusal import catch_refusal
from aegis.app.study.prepared_study import PreparedStudy, compose_locked, open_study
from aegis.app.study.reporting import StoredStudy
from aegis.app.study.running import LOCK_KEY, build_fork_arms
from aegis.core.errors import AegisError
from aegis.fleet.arm import Arm
from aegis.fleet.progress import NullSink
from aegis.fleet.run_plan import RunPlan, compute_identity
from aegis.records.manifest import CODE_PREFIX, FORMAT_KEY, VERSION_PREFIX, read_manifest
from aegis.records.rows import EpisodeRow
from aegis.records.store import FORMAT, RunTables
from aegis.study.plan.calibration_table import read_calibration_table
from aegis.study.plan.lockfile import compare_digests
from aegis.study.play.seal import check_seal
from aegis.study.play.small_tables import StudyTables, write_small_tables
from aegis.study.verification import (
    EVERY_UNIT,
    CheckResult,
    check_digests,
    check_replay,
    check_rows,
    check_table,
    sample_units,
)

_T = TypeVar("_T")
_ROUNDING_PREFIX = "rounding."
_LOCKED_PREFIXES = (CODE_PREFIX, VERSION_PREFIX)
"""Covered by digests of the lock, too; a change is reported once, and the replay decides."""
_REPLAYED_UNITS = 2
"""Units of the fork set, and of calibration, to replay: few, because they have many arms."""


def verify_study(
    root: Path,
    sample_size: int,
    pick: int,
    machine: Mapping[str, object],
    screen: Screen,
    published: Publication = NOTHING_PUBLISHED,
) -> tuple[CheckResult, ...]:
    """Checks a finished study.

    Args:
        root: Run folder.
        sample_size: Number of units to replay; 0 for none, ``EVERY_UNIT`` for all.
        pick: Seed of the sample.
        machine: Workers and slots, if not those of the plan.
        screen: Receives notes and progress.
        published: What was published of the plan, to compare it with.
    """
    checks: list[CheckResult] = []
    stored = catch_refusal(checks, "plan", lambda: StoredStudy.read_folder(root))
    if stored is None:
        return tuple(checks)
    digests = stored.locked.digests
    checks.append(CheckResult("plan", True, 1, "the text is what was locked"))
    checks += check_publication(root, stored.locked, published)
    catch_refusal(checks, "seal", lambda: checks.append(_check_sealed_tables(root, stored)))
    for change in stored.changes:
        screen.print_note(f"not as locked: {change}")
    tables = catch_refusal(checks, "tables", lambda: StudyTables.read_folder(root))
    if tables is not None:
        checks += check_files(root, stored, tables)
        checks.append(check_rows(tables.episodes, stored.plan.reference))
        with ExitStack() as stack:
            study = _open_or_note(stored, machine, stack, bool(sample_size), screen)
            if study is None:
                return tuple(checks)
            built = study.collect_digests()
            checks.append(
                check_digests(
                    "policies and assets", compare_digests(digests, built), len(built), "as locked"
                )
            )
            arms = study.build_arms()
            catch_refusal(
                checks,
                "manifest",
                lambda: checks.append(_check_manifest(study, root, stored, screen)),
            )
            if sample_size:
                checks += _replay_units(study, root, tables, arms, (sample_size, pick), screen)
    return tuple(checks)


def _open_or_note(
    stored: StoredStudy,
    machine: Mapping[str, object],
    stack: ExitStack,
    needed: bool,
    screen: Screen,
) -> PreparedStudy | None:
    """Builds the study, for as long as the stack is open.

    Returns:
        The study; None, with a note, if nothing is to be played and packages that would play it
        are missing.
    """
    try:
        return stack.enter_context(open_study(compose_locked(stored.locked, machine)))
    except AegisError as error:
        missing = list_missing_modules("sim", "learn")
        if needed or not missing:
            raise
        screen.print_note(
            f"not checked, since packages are missing ({', '.join(missing)}): policies and "
            f"assets, manifest. {error}"
        )
        return None


def _check_sealed_tables(root: Path, stored: StoredStudy) -> CheckResult:
    """Checks that the tables are those that the run sealed under this plan."""
    digest = stored.locked.digest
    seal = check_seal(root, digest)
    faults = (
        []
        if _read_identity(root).get(LOCK_KEY) == digest
        else ["the run was played under another plan"]
    )
    absent = seal.list_absent(root)
    summary = f"as sealed{'; not here: ' + ', '.join(absent) if absent else ''}"
    return CheckResult.from_faults("seal", len(seal.tables) - len(absent), faults, summary)


def _check_manifest(
    study: PreparedStudy, root: Path, stored: StoredStudy, screen: Screen
) -> CheckResult:
    """Checks that the manifest matches the plan: arms, policies, horizon, seeds.

    Rounding belongs to the machine; on another one, the last bits may differ.
    """
    plan = study.plan_run(
        study.list_test_units(),
        study.build_arms(),
        {LOCK_KEY: stored.locked.digest},
        study.read_truth_names(),
    )
    recorded = {str(name): str(value) for name, value in _read_identity(root).items()}
    computed = compute_identity(plan, study.lab.policies)
    # Earlier releases recorded less; the entries that they did record must match.
    names = {**recorded, **(computed if recorded.get(FORMAT_KEY) == FORMAT else {})}
    expected = {
        name: computed.get(name, "nothing")
        for name in names
        if name != FORMAT_KEY and not name.startswith(_LOCKED_PREFIXES)
    }
    changes = compare_digests(recorded, expected)
    for change in changes:
        if change.name.startswith(_ROUNDING_PREFIX):
            screen.print_note(f"{change}: this machine may not repeat a run bit for bit")
    differing = [change for change in changes if not change.name.startswith(_ROUNDING_PREFIX)]
    return check_digests(
        "manifest", differing, len(expected), "arms, policies and seeds of the plan"
    )


def _read_identity(root: Path) -> Mapping[str, object]:
    identity = read_manifest(root)["identity"]
    assert isinstance(identity, dict)
    return identity


def _replay_units(
    study: PreparedStudy,
    root: Path,
    tables: StudyTables,
    arms: tuple[Arm, ...],
    sample: tuple[int, int],
    screen: Screen,
) -> list[CheckResult]:
    """Replays a sample of units in all arms, and some of the forks and calibration."""
    units = list(dict.fromkeys(row.key for row in tables.episodes))
    keys = sample_units(units, *sample) if units else ()
    if not keys:
        return [CheckResult("played again", False, 0, "nothing to check")]
    screen.print_note(f"playing {len(keys)} units again, with {len(arms)} arms each")
    checks = []
    with tempfile.TemporaryDirectory(prefix="aegis-verify-") as scratch:
        run_folder = Path(scratch) / "run"
        replayed = _play_plan(
            study, study.plan_run(keys, arms, {}, study.read_truth_names()), run_folder
        )
        checks.append(check_replay("played again", tables.episodes, replayed.episodes))
        write_small_tables(run_folder, study.list_kept_arms(), study.plan.reference)
        replayed_tables = StudyTables.read_folder(run_folder)
        for name, stored, fresh in (
            ("scores again", tables.scores, replayed_tables.scores),
            ("events again", tables.events, replayed_tables.events),
        ):
            # An emptied table is an edited one; one that is not kept is not compared.
            kept = (root / f"{name.partition(' ')[0]}.parquet").exists()
            if kept and (stored.num_rows or fresh.num_rows):
                checks.append(check_table(name, stored, fresh, keys))
        if (root / "steps.parquet").exists():
            stored, fresh = RunTables.read_folder(root).read_steps(), replayed.read_steps()
            checks.append(check_table("steps again", stored, fresh, keys))
        fork_arms = build_fork_arms(study, arms)
        fork_units = list(dict.fromkeys(row.key for row in tables.forks))
        if fork_arms and fork_units:
            fork_keys = sample_units(fork_units, *sample)[: _limit_units(sample)]
            fork_rows = _play_plan(
                study, study.plan_run(fork_keys, fork_arms, {}), Path(scratch) / "forks"
            ).episodes
            checks.append(check_replay("forks again", tables.forks, fork_rows))
        checks += _replay_calibration(study, root, arms, Path(scratch), sample)
    return checks


def _replay_calibration(
    study: PreparedStudy, root: Path, arms: Sequence[Arm], scratch: Path, sample: tuple[int, int]
) -> list[CheckResult]:
    """Replays calibration units at the locked settings."""
    dials = study.arms.dials
    stored: list[EpisodeRow] = []
    for setting in read_calibration_table(root):
        if setting.arm in dials:
            stored += setting.rows
    units = {row.key for row in stored}
    if not units:
        return []
    keys = sample_units(list(units), *sample)[: _limit_units(sample)]
    dialled_arms = [arm for arm in arms if arm.name in dials]
    rows = _play_plan(
        study, study.plan_run(keys, dialled_arms, {}), scratch / "calibration"
    ).episodes
    stored_rows = set(stored)
    faults = [f"{row.key}, {row.arm}" for row in rows if row not in stored_rows]
    return [
        CheckResult.from_faults(
            "calibration again", len(rows), faults, "episodes at the locked settings"
        )
    ]


def _limit_units(sample: tuple[int, int]) -> int:
    """Returns how many units of the fork set, and of calibration, are replayed at most."""
    return EVERY_UNIT if sample[0] == EVERY_UNIT else _REPLAYED_UNITS


def _play_plan(study: PreparedStudy, plan: RunPlan, out: Path) -> RunTables:
    executor = replace(study.build_executor(Screen(machine=True), "verify", out), sink=NullSink())
    return executor.execute_plan(replace(plan, audit=0.0), out)
