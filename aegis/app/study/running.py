"""Running: plays a locked study on its test units, and seals what it left behind."""

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
    """Plays what is left of a locked study; one that is sealed is checked and left alone.

    Args:
        root: Run folder with ``plan.yaml``.
        machine: Workers and slots, if others are wanted.
        screen: Is told.

    Raises:
        LockError: If anything that the plan was locked with has changed.
        BusyFolderError: If another process plays into the folder.
        StudyKilledError: If the plan says that a criterion stops the study, and one struck.
        AegisError: Whatever ends a run.
    """
    locked = read_lock(root)
    composed = compose_locked(locked, machine)
    refuse_changes(
        locked.path, compare_digests(locked.digests, collect_outer_digests(root, composed.trusted))
    )
    if read_seal(root) is not None:
        screen.print_note(f"{root} is finished and sealed")
        return check_seal(root, locked.digest)
    with lock_folder(root), open_study(composed) as stand:
        refuse_changes(locked.path, compare_digests(locked.digests, stand.collect_digests()))
        _play_study(stand, locked, screen)
        return write_seal(root, locked.digest)


def _play_study(stand: PreparedStudy, locked: LockedPlan, screen: Screen) -> None:
    """Plays all that the plan asks for and distils the small tables."""
    root, arms, units = locked.path.parent, stand.build_arms(), stand.list_test_units()
    screen.print_note(
        f"{len(units)} test units with {len(arms)} arms each, as locked in {locked.path}"
    )
    plan = stand.plan_run(units, arms, {LOCK_KEY: locked.digest}, stand.read_truth_names())
    player = stand.build_executor(screen, f"study · {stand.settings.text('name')}", root)
    if stand.plan.kill.stops:
        context = build_analysis_context(locked, stand.plan, root)
        play_reference(plan, stand.plan, context, player, root)
    play_arms(plan, stand.plan, player, root)
    _play_forks(stand, locked, arms, screen)
    write_small_tables(root, stand.list_kept_arms(), stand.plan.reference)
    measure_latency(stand, root, screen)


def build_fork_arms(stand: PreparedStudy, arms: tuple[Arm, ...]) -> tuple[Arm, ...]:
    """Returns the arms of the fork set; none if nothing is forked."""
    level = stand.settings.level("forks")
    if not level.integer("units", 0):
        return ()
    weak = next(arm for arm in arms if arm.name == stand.plan.reference)
    return fork_arms(weak, level.integers("ticks"))


def _play_forks(
    stand: PreparedStudy, locked: LockedPlan, arms: tuple[Arm, ...], screen: Screen
) -> None:
    """Plays the fork set into a folder of its own."""
    chosen, root = build_fork_arms(stand, arms), locked.path.parent
    if not chosen:
        return
    units = stand.list_test_units()[: stand.settings.level("forks").integer("units", 0)]
    screen.print_note(f"fork set: {len(units)} units, {len(chosen) - 1} hand-overs each")
    plan = stand.plan_run(units, chosen, {LOCK_KEY: locked.digest})
    machine = stand.build_executor(screen, "forks", root / "forks")
    write_forks(root, machine.execute_plan(plan, root / "forks").episodes)
