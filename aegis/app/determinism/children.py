"""Child processes: libraries choose their kernels when they are loaded, so each group has its own.

Children start in the environment that a run gives to its processes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TypeVar

from aegis.app.config.composition import ComposedConfig
from aegis.app.config.part_builder import is_portable
from aegis.app.config.settings import Settings
from aegis.app.determinism.players import PlayedGroups, play_groups, record_inputs
from aegis.checks.determinism.results import StageResult
from aegis.host.child_process import build_thread_environment, call_in_child, open_child_pool
from aegis.host.dispatch import build_dispatch

T = TypeVar("T")
_SHARED = (("world",), ("pictures",), ("weak", "strong"), ("detectors", "statistics"))
"""Groups that are played in one process, as in a run: policies together."""
_CRASHED = "the process that plays it was killed or crashed"


def play_in_children(
    composed: ComposedConfig, groups: Sequence[str], folder: Path
) -> list[PlayedGroups]:
    """Plays groups of stages, each kind in a process of its own, side by side.

    Args:
        composed: The configuration.
        groups: Groups to play.
        folder: Folder of the course.

    Raises:
        MachineError: If the machine cannot be portable, and is to be.
        TraceError: If the course is missing or damaged.
    """
    portable = is_portable(Settings(composed.tree))
    with ExitStack() as stack:
        waiting = []
        for shared in _SHARED:
            if chosen := [name for name in shared if name in groups]:
                environment = build_environment(portable, chosen)
                job = _submit_job(stack, environment, play_groups, composed, chosen, folder)
                waiting.append((chosen, job))
        return [_collect_groups(chosen, job) for chosen, job in waiting]


def record_in_child(composed: ComposedConfig, folder: Path) -> None:
    """Records the inputs of a course in a process of its own.

    Raises:
        AegisError: If something cannot be built, played or written.
    """
    environment = build_environment(is_portable(Settings(composed.tree)), ("world",))
    call_in_child(partial(record_inputs, composed, folder), environment)


def build_environment(portable: bool, groups: Sequence[str]) -> dict[str, str]:
    """Returns the environment variables of the process that plays groups.

    Args:
        portable: Whether libraries are held still.
        groups: The groups. Policies of a run that is not portable are played in the user's own
            process, whose environment is left as it is.

    Raises:
        MachineError: If they are to be held, and this machine is below the level.
    """
    if not portable and {"weak", "strong"} & set(groups):
        return {}
    return {**build_thread_environment(1), **build_dispatch(portable)}


def _submit_job(
    stack: ExitStack,
    environment: Mapping[str, str],
    function: Callable[..., T],
    *arguments: object,
) -> Future[T]:
    """Starts a process in an environment; it ends with the stack."""
    pool = stack.enter_context(open_child_pool(1, environment))
    return pool.submit(function, *arguments)


def _collect_groups(groups: Sequence[str], job: Future[PlayedGroups]) -> PlayedGroups:
    try:
        return job.result()
    except BrokenProcessPool:
        failed = tuple(StageResult(name, name, error=_CRASHED) for name in groups)
        return PlayedGroups(failed, {})
