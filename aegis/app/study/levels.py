"""Levels of verification: what a machine can check of a study, by a rule that is fixed before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from aegis.app.config.lab import make_world_factory
from aegis.app.config.part_builder import is_portable
from aegis.app.config.settings import Settings
from aegis.app.experiment import LEVEL_KEY
from aegis.app.study.prepared_study import compose_locked
from aegis.checks.determinism.world_stages import read_renderer
from aegis.core.errors import ConfigError, MachineError, UnknownNameError
from aegis.host.child_process import call_in_child
from aegis.host.dispatch import PORTABLE_LEVEL, build_dispatch, describe_cpu
from aegis.records.manifest import MACHINE_KEY
from aegis.study.plan.lockfile import LockedPlan

TABLES, BIT, PHYSICS, OUTCOME = "tables", "bit", "physics", "outcome"
AUTOMATIC = "auto"
CHOICES = (AUTOMATIC, BIT, PHYSICS, OUTCOME)
_RENDERER, _CPU = "renderer", "cpu"


@dataclass(frozen=True, slots=True)
class VerificationLevel:
    """How much of a study is checked.

    Attributes:
        name: ``tables`` (nothing is played again), ``bit``, ``physics`` or ``outcome``.
        reason: Why this one.
        same_renderer: Whether pictures are drawn by what drew the recorded ones.
    """

    name: str
    reason: str
    same_renderer: bool = False


@dataclass(frozen=True, slots=True)
class Machine:
    """This machine, as far as rows depend on it.

    Attributes:
        cpu: See ``aegis.host.dispatch.describe_cpu``.
        renderer: Driver of the pictures; empty where none can be drawn.
        is_portable: Whether it is of the portable level.
        repeats_first_studies: Says whether it repeats what was played natively before manifests
            named a machine; asked only where it matters, since it takes a while.
    """

    cpu: str
    renderer: str
    is_portable: bool
    repeats_first_studies: Callable[[], bool]


def check_level_name(wanted: str) -> None:
    """Checks the name of a level that was asked for.

    Raises:
        UnknownNameError: If there is no such level.
    """
    if wanted not in CHOICES:
        raise UnknownNameError("level", wanted, CHOICES, "aegis study verify")


def choose_level(
    wanted: str, locked: str, manifest: Mapping[str, object], has_actions: bool, here: Machine
) -> VerificationLevel:
    """Chooses the highest level that the recorded machine and this one allow.

    The lock says at which level of arithmetic the study is played, since it was written before; the
    manifest, which came after, cannot lower it by leaving something out.

    Args:
        wanted: One of ``CHOICES``; all but ``auto`` are taken as they are.
        locked: Level of arithmetic in the lock; empty in plans that are not portable.
        manifest: The run's manifest.
        has_actions: Whether the run kept actions.
        here: This machine.

    Raises:
        UnknownNameError: If there is no such level.
        ConfigError: If ``physics`` is wanted of a run that kept no actions.
    """
    check_level_name(wanted)
    identity, machine = _read_section(manifest, "identity"), manifest.get(MACHINE_KEY)
    recorded = {str(k): str(v) for k, v in machine.items()} if isinstance(machine, dict) else None
    same_renderer = bool(here.renderer) and (recorded or {}).get(_RENDERER) == here.renderer
    if wanted == PHYSICS and not has_actions:
        raise ConfigError(
            "level=physics needs actions.parquet, which this run has not: it is older than that "
            "table. Use level=outcome."
        )
    if wanted != AUTOMATIC:
        return VerificationLevel(wanted, "as asked", same_renderer)
    played_at = locked or identity.get(LEVEL_KEY, "")
    if recorded is None and not played_at:
        return _choose_by_course(here)
    name, reason = _choose_by_record(played_at, recorded or {}, has_actions, here)
    return VerificationLevel(name, reason, same_renderer)


def inspect_machine(locked: LockedPlan, repeats_first_studies: Callable[[], bool]) -> Machine:
    """Returns this machine, as a study's workers would find it.

    Args:
        locked: The study's plan.
        repeats_first_studies: See ``Machine``.
    """
    composed = compose_locked(locked, {})
    try:
        dispatch, at_level = build_dispatch(portable=True), True
    except MachineError:
        dispatch, at_level = {}, False
    held = dispatch if is_portable(Settings(composed.tree)) else {}
    try:
        renderer = call_in_child(partial(read_renderer, make_world_factory(composed)), held)
    except MachineError:  # The first unit that is played says why.
        renderer = ""
    return Machine(describe_cpu(), renderer, at_level, repeats_first_studies)


def _choose_by_record(
    level: str, recorded: Mapping[str, str], has_actions: bool, here: Machine
) -> tuple[str, str]:
    is_held = level.startswith(PORTABLE_LEVEL)
    differences = [
        f"{name} is {mine or 'nothing'} here, was {recorded[name]}"
        for name, mine in ((_CPU, here.cpu), (_RENDERER, here.renderer))
        if name in recorded and recorded[name] != mine
    ]
    if is_held and not here.is_portable:
        return OUTCOME, f"played at {level}, and this machine is below that level"
    if not differences:
        what = f"played at {level}" if level == PORTABLE_LEVEL else "played on such a machine"
        return BIT, f"{what}, drawn by {recorded.get(_RENDERER, 'nothing')}, as here"
    if is_held and has_actions:
        return PHYSICS, f"played at {level}; {'; '.join(differences)}"
    return OUTCOME, f"played at {level or 'an unknown level'}; {'; '.join(differences)}"


def _choose_by_course(here: Machine) -> VerificationLevel:
    """Chooses for a run that is older than machines in manifests."""
    if here.repeats_first_studies():
        reason = "no machine was recorded; this one repeats the reference course of that time"
        return VerificationLevel(BIT, reason)
    reason = "no machine was recorded, and this one does not repeat the reference course of then"
    return VerificationLevel(OUTCOME, reason)


def _read_section(manifest: Mapping[str, object], name: str) -> dict[str, str]:
    section = manifest.get(name)
    return {str(k): str(v) for k, v in section.items()} if isinstance(section, dict) else {}
