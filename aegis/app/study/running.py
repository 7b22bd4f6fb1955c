"""Running: plays a locked study on its test units, and seals what it left behind."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from aegis.app.screen import Screen
from aegis.app.study.latency_measurement import measure
from aegis.app.study.locked_context import facts_of
from aegis.app.study.prepared import Stand, composed_of, open_stand, outer_digests
from aegis.fleet.arm import Arm
from aegis.study.plan.lockfile import Locked, compare, read_lock, refuse
from aegis.study.play.execution import fork_arms, play
from aegis.study.play.seal import Seal, check_seal, read_seal, write_seal
from aegis.study.play.small_tables import distil, write_forks
from aegis.study.screening import play_reference

LOCK = "lock"
"""Name of the plan's digest in a manifest."""


def run(root: Path, machine: Mapping[str, object], screen: Screen) -> Seal:
    """Plays what is left of a locked study; one that is sealed is checked and left alone.

    Args:
        root: Run folder with ``plan.yaml``.
        machine: Workers and slots, if others are wanted.
        screen: Is told.

    Raises:
        LockError: If anything that the plan was locked with has changed.
        StudyKilledError: If the plan says that a criterion stops the study, and one struck.
        AegisError: Whatever ends a run.
    """
    locked = read_lock(root)
    composed = composed_of(locked, machine)
    refuse(locked.path, compare(locked.digests, outer_digests(root, composed.trusted)))
    if read_seal(root) is not None:
        screen.note(f"{root} is finished and sealed")
        return check_seal(root, locked.digest)
    with open_stand(composed) as stand:
        refuse(locked.path, compare(locked.digests, stand.digests()))
        arms = stand.played()
        screen.note(
            f"{len(stand.test())} test units with {len(arms)} arms each, as locked in {locked.path}"
        )
        plan = stand.to_play(stand.test(), arms, {LOCK: locked.digest}, stand.truth())
        player = stand.machine(screen, f"study · {stand.settings.text('name')}", root)
        if stand.plan.kill.stops:
            play_reference(plan, stand.plan, facts_of(locked, stand.plan, root), player, root)
        play(plan, stand.plan, player, root)
        _fork(stand, locked, arms, screen)
        distil(root, stand.keep(), stand.plan.reference)
        measure(stand, root, screen)
    return write_seal(root, locked.digest)


def forked(stand: Stand, arms: tuple[Arm, ...]) -> tuple[Arm, ...]:
    """Returns the arms of the fork set; none if nothing is forked."""
    level = stand.settings.level("forks")
    if not level.integer("units", 0):
        return ()
    weak = next(arm for arm in arms if arm.name == stand.plan.reference)
    return fork_arms(weak, level.integers("ticks"))


def _fork(stand: Stand, locked: Locked, arms: tuple[Arm, ...], screen: Screen) -> None:
    """Plays the fork set into a folder of its own."""
    chosen, root = forked(stand, arms), locked.path.parent
    if not chosen:
        return
    units = stand.test()[: stand.settings.level("forks").integer("units", 0)]
    screen.note(f"fork set: {len(units)} units, {len(chosen) - 1} hand-overs each")
    plan = stand.to_play(units, chosen, {LOCK: locked.digest})
    machine = stand.machine(screen, "forks", root / "forks")
    write_forks(root, machine.run(plan, root / "forks").episodes)
