"""Collector: gathers demonstrations with a pool of processes, world and expert in each."""

from __future__ import annotations

import hashlib
import signal
import traceback
import zipfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from aegis.core.errors import InterruptedRunError, MachineError, StartStateError
from aegis.core.protocols import Policy, World
from aegis.core.types import EpisodeKey
from aegis.demos.demonstration import ActionNoise, LeadPolicy, play_demonstration
from aegis.fleet.messages import JobFailed, rebuild_error
from aegis.fleet.pool import ignore_sigint
from aegis.host.child_process import build_thread_environment, set_environment
from aegis.records import manifest
from aegis.records.files import remove_orphans, write_atomic
from aegis.records.folder_lock import lock_folder

FORMAT = "2"


@dataclass(frozen=True, slots=True)
class DemoRecipe:
    """Recipe of demonstrations.

    Attributes:
        world: Builds a world; must pickle.
        expert: Builds the expert; must pickle.
        noise: Shakes the hand.
        cameras: Pictures to keep, name to (height, width).
        every: Keeps an observation every so many control steps.
        lead: Builds a policy that drives before the expert takes over; None for nobody.
        lead_ticks: Earliest and latest tick at which the expert takes over [control steps].
    """

    world: Callable[[], World]
    expert: Callable[[], Policy]
    noise: ActionNoise
    cameras: Mapping[str, tuple[int, int]]
    every: int = 2
    lead: Callable[[], Policy] | None = None
    lead_ticks: tuple[int, int] = (0, 0)

    def build_lead(self) -> LeadPolicy | None:
        """Builds the policy that drives first; None for nobody."""
        return LeadPolicy(self.lead(), *self.lead_ticks) if self.lead is not None else None


def collect_demos(
    recipe: DemoRecipe,
    units: Sequence[EpisodeKey],
    out: Path,
    workers: int,
    identity: Mapping[str, str],
    notes: Mapping[str, str] | None = None,
    progress: Callable[[int, int, int], None] | None = None,
) -> int:
    """Collects demonstrations, or those that are still missing.

    Writes ``<task>-<index>.npz`` for each success, ``<task>-<index>.failed`` for each failure,
    and ``manifest.json``. The files depend on recipe and units alone.

    Args:
        recipe: Recipe of them.
        units: Episodes to try, of one suite and family of start states.
        out: Folder.
        workers: Processes.
        identity: Settings of world and expert, digests of code and assets, versions, by name; a
            folder with others is refused.
        notes: Versions and such; written down only.
        progress: Called with the episodes done, their total, and the successes.

    Returns:
        The number of successes.

    Raises:
        ConfigError: If the folder holds other demonstrations.
        BusyFolderError: If another process writes into the folder.
        InterruptedRunError: After Ctrl-C; what is finished is on disk.
        MachineError: If a process dies or the disk is full.
    """
    facts = {manifest.FORMAT_KEY: FORMAT, **_build_identity(recipe, units), **identity}
    with lock_folder(out):
        empty = not any(path for kind in ("*.npz", "*.failed") for path in out.glob(kind))
        manifest.open_folder(out, facts, notes or {}, is_empty=empty)
        remove_orphans(out)
        left = [key for key in units if not _is_finished(out, key)]
        tell = _ProgressCounter(len(units), out, units, left, progress)
        if left:
            _run_workers(recipe, left, out, workers, tell)
        _write_inventory(out, units)
        return tell.kept


def locate_demo(out: Path, key: EpisodeKey) -> Path:
    """Returns where a demonstration lies."""
    return out / f"{key.task}-{key.index}.npz"


class _ProgressCounter:
    """Counts demonstrations, and reports progress."""

    def __init__(
        self,
        total: int,
        out: Path,
        units: Sequence[EpisodeKey],
        left: Sequence[EpisodeKey],
        progress: Callable[[int, int, int], None] | None,
    ) -> None:
        self.total, self.done = total, total - len(left)
        self.kept = sum(locate_demo(out, key).exists() for key in set(units) - set(left))
        self._progress = progress
        self._report_progress()

    def count_demo(self, success: bool) -> None:
        self.done += 1
        self.kept += success
        self._report_progress()

    def _report_progress(self) -> None:
        if self._progress is not None:
            self._progress(self.done, self.total, self.kept)


def _build_identity(recipe: DemoRecipe, units: Sequence[EpisodeKey]) -> dict[str, str]:
    pictures = ",".join(f"{name}:{h}x{w}" for name, (h, w) in sorted(recipe.cameras.items()))
    first = units[0]
    lead = recipe.build_lead()
    led = {"lead": f"{lead.policy.spec.digest} {lead.first}-{lead.last}"} if lead else {}
    return {
        **led,
        "root": str(first.root),
        "suite": first.suite,
        "start": first.start,
        "expert": recipe.expert().spec.digest,
        "noise": repr(recipe.noise),
        "cameras": pictures,
        "every": str(recipe.every),
    }


def _is_finished(out: Path, key: EpisodeKey) -> bool:
    path = locate_demo(out, key)
    # The table of contents is at the end, so a cut file has none.
    return path.with_suffix(".failed").exists() or zipfile.is_zipfile(path)


def _run_workers(
    recipe: DemoRecipe,
    left: Sequence[EpisodeKey],
    out: Path,
    workers: int,
    counter: _ProgressCounter,
) -> None:
    with set_environment(build_thread_environment(1)), ignore_sigint():
        pool = ProcessPoolExecutor(workers, get_context("spawn"), _start_worker, (recipe, out))
        futures = {pool.submit(_collect_demo, key): key for key in left}
    try:
        for future in as_completed(futures):
            counter.count_demo(_unwrap_result(future, futures[future]))
    except KeyboardInterrupt as error:
        raise InterruptedRunError(
            f"Stopped: {counter.done} of {counter.total} demonstrations are finished and stay in "
            f"{out}. Run the same command again to go on."
        ) from error
    except BrokenProcessPool as error:
        raise MachineError(
            f"A simulator process died; {counter.done} of {counter.total} demonstrations are safe "
            f"in {out}. Is the memory full (try fewer workers)? Run the same command again to go "
            "on."
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _unwrap_result(future: Future[bool | JobFailed], key: EpisodeKey) -> bool:
    result = future.result()
    if isinstance(result, JobFailed):
        raise rebuild_error(result, str(key))
    return result


_worker_state: tuple[DemoRecipe, World, Policy, LeadPolicy | None, Path] | None = None
"""What a worker process keeps from one demonstration to the next."""


def _start_worker(recipe: DemoRecipe, out: Path) -> None:
    global _worker_state
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _worker_state = (recipe, recipe.world(), recipe.expert(), recipe.build_lead(), out)


def _collect_demo(key: EpisodeKey) -> bool | JobFailed:
    assert _worker_state is not None, "the pool runs _start_worker first"
    recipe, world, expert, lead, out = _worker_state
    try:
        demo = play_demonstration(
            world, expert, key, recipe.noise, recipe.cameras, recipe.every, lead
        )
        path = locate_demo(out, key)
        if demo is not None and demo.success:
            write_atomic(path, demo.to_npz())
        else:
            write_atomic(path.with_suffix(".failed"), b"")
    except StartStateError as error:
        # One hopeless start state must not end an hour of collecting.
        write_atomic(locate_demo(out, key).with_suffix(".failed"), f"{error}\n".encode())
        return False
    except Exception as error:
        trace = "".join(traceback.format_exception(error))
        return JobFailed(0, type(error), str(error), trace)
    return demo is not None and demo.success


def _write_inventory(out: Path, units: Sequence[EpisodeKey]) -> None:
    """Adds to the manifest what there is, with digests."""
    kept = [key for key in sorted(units, key=str) if locate_demo(out, key).exists()]
    episodes = {
        locate_demo(out, key).name: hashlib.blake2b(
            locate_demo(out, key).read_bytes(), digest_size=16
        ).hexdigest()
        for key in kept
    }
    facts = manifest.read_manifest(out)
    manifest.write_manifest(out, {**facts, "episodes": episodes, "failed": len(units) - len(kept)})
