"""Running: plays a locked study on its test units, and seals its tables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from aegis.app.screen import Screen
from aegis.app.study.latency_measurement import measure_latency
from aegis.app.study.locked_context import build_analysis_context
from aegis.app.study.prepared_study import (
    PreparedStudy,
    collect_outer_digests,
    compose_locked,
    open_study,
)
from aegis.fleet.arm import Arm
from aegis.records.folder_lock import lock_folder
from aegis.study.plan.lockfile import LockedPlan, compare_digests, read_lock, refuse_changes
from aegis.study.play.execution import fork_arms, play_arms
from aegis.study.play.seal import Seal, check_seal, read_seal, write_seal
from aegis.study.play.small_tables import write_forks, write_small_tables
from aegis.study.screening import play_reference

LOCK_KEY = "lock"
"""Name of the plan's digest in a manifest."""


def run_locked_study(root: Path, machine: Mapping[str, object], screen: Screen) -> Seal:
    """Plays the remainder of a locked study; a sealed study is only checked.

    Args:
        root: Run folder with ``plan.yaml``.
        machine: Workers and slots, if not those of the plan.
        screen: Receives notes and progress.

    Raises:
        LockError: If anything under the lock has changed.
        BusyFolderError: If another process writes to the folder.
        StudyKilledError: If a kill criterion is met and the plan says that this stops the study.
        AegisError: If the run fails.
    """
    locked = read_lock(root)
    composed = compose_locked(locked, machine)
    refuse_changes(
        locked.path, compare_digests(locked.digests, collect_outer_digests(root, composed.trusted))
    )
    if read_seal(root) is not None:
        screen.print_note(f"{root} is finished and sealed")
        return check_seal(root, locked.digest)
    with lock_folder(root), open_study(composed) as study:
        refuse_changes(locked.path, compare_digests(locked.digests, study.collect_digests()))
        _play_study(study, locked, screen)
        return write_seal(root, locked.digest)


def _play_study(study: PreparedStudy, locked: LockedPlan, screen: Screen) -> None:
    """Plays the units of the plan and writes the small tables."""
    root, arms, units = locked.path.parent, study.build_arms(), study.list_test_units()
    screen.print_note(
        f"{len(units)} test units with {len(arms)} arms each, as locked in {locked.path}"
    )
    plan = study.plan_run(units, arms, {LOCK_KEY: locked.digest}, study.read_truth_names())
    executor = study.build_executor(screen, f"study · {study.settings.text('name')}", root)
    if study.plan.kill.stops:
        context = build_analysis_context(locked, study.plan, root)
        play_reference(plan, study.plan, context, executor, root)
    play_arms(plan, study.plan, executor, root)
    _play_forks(study, locked, arms, screen)
    write_small_tables(root, study.list_kept_arms(), study.plan.reference)
    measure_latency(study, root, screen)


def build_fork_arms(study: PreparedStudy, arms: tuple[Arm, ...]) -> tuple[Arm, ...]:
    """Returns the arms of the fork set; empty without forks."""
    level = study.settings.level("forks")
    if not level.integer("units", 0):
        return ()
    weak = next(arm for arm in arms if arm.name == study.plan.reference)
    return fork_arms(weak, level.integers("ticks"))


def _play_forks(
    study: PreparedStudy, locked: LockedPlan, arms: tuple[Arm, ...], screen: Screen
) -> None:
    """Plays the fork set into a folder of its own."""
    arms_of_forks, root = build_fork_arms(study, arms), locked.path.parent
    if not arms_of_forks:
        return
    units = study.list_test_units()[: study.settings.level("forks").integer("units", 0)]
    screen.print_note(f"fork set: {len(units)} units, {len(arms_of_forks) - 1} hand-overs each")
    plan = study.plan_run(units, arms_of_forks, {LOCK_KEY: locked.digest})
    executor = study.build_executor(screen, "forks", root / "forks")
    write_forks(root, executor.execute_plan(plan, root / "forks").episodes)
