"""Exporter: plays episodes again in processes of their own and lets every format write them."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

from aegis.core.errors import InterruptedRunError
from aegis.core.protocols import World
from aegis.export.episode import Episode, ExportView
from aegis.export.formats import ExportFormat
from aegis.export.frame_source import make_frames
from aegis.host.child_process import open_child_pool


@dataclass(frozen=True, slots=True)
class ExportPlan:
    """What is exported, from where, and in which formats.

    Attributes:
        root: Run folder.
        world: Builds a world of the kind that the run was played in; must pickle.
        view: How pictures are taken.
        formats: The formats, each with its folder.
        episodes: The episodes, in the order of their numbers.
    """

    root: Path
    world: Callable[[], World]
    view: ExportView
    formats: tuple[ExportFormat, ...]
    episodes: tuple[Episode, ...]

    def list_missing(self) -> tuple[Episode, ...]:
        """Returns the episodes that a format does not have yet."""
        return tuple(
            episode
            for episode in self.episodes
            if not all(one.has_episode(episode) for one in self.formats)
        )


def write_episodes(
    plan: ExportPlan,
    workers: int,
    environment: Mapping[str, str],
    report_progress: Callable[[int, str], None],
) -> int:
    """Plays the missing episodes again and writes them.

    Args:
        plan: What is exported.
        workers: Processes.
        environment: Environment variables of these processes.
        report_progress: Called with the episodes that are written, and a remark.

    Returns:
        The number of episodes that were drawn; those that an earlier call wrote are not.

    Raises:
        TraceError: If the world goes another way than when an episode was recorded.
        InterruptedRunError: After Ctrl-C; what is finished is on the disk.
        MachineError: If a process dies or the disk is full.
    """
    missing = plan.list_missing()
    done = len(plan.episodes) - len(missing)
    report_progress(done, "")
    if not missing:
        return 0
    prepare = partial(_prepare_process, plan.world)
    try:
        with open_child_pool(min(workers, len(missing)), environment, prepare) as pool:
            frames = 0
            for steps in _play_in_turn(pool, plan, missing, workers):
                done, frames = done + 1, frames + steps
                report_progress(done, f"{frames} frames")
    except KeyboardInterrupt as error:
        raise InterruptedRunError(
            f"Stopped: {done} of {len(plan.episodes)} episodes are finished and stay. Run the same "
            "command again to go on."
        ) from error
    return len(missing)


def write_episode(
    root: Path, world: World, view: ExportView, formats: Iterable[ExportFormat], episode: Episode
) -> int:
    """Plays an episode again and writes it in the formats that lack it.

    Args:
        root: Run folder.
        world: Of the kind that it was played in.
        view: How pictures are taken.
        formats: The formats.
        episode: The episode.

    Returns:
        Its steps.

    Raises:
        TraceError: If the world goes another way than when it was recorded.
        MachineError: If the disk refuses it.
    """
    lacking = [one for one in formats if not one.has_episode(episode)]
    writers = [one.begin_episode(episode) for one in lacking]
    for frame in make_frames(root, world, episode, view):
        for writer in writers:
            writer.add_frame(frame)
    for writer in writers:
        writer.end_episode()
    return episode.row.steps


def _play_in_turn(
    pool: ProcessPoolExecutor, plan: ExportPlan, missing: tuple[Episode, ...], workers: int
) -> Iterator[int]:
    """Yields the steps of each episode that is written; few wait, so that Ctrl-C ends soon."""
    waiting = iter(missing)
    job = partial(_write_missing, plan.root, plan.view, plan.formats)
    running: set[Future[int]] = {pool.submit(job, one) for one in islice(waiting, 2 * workers)}
    try:
        while running:
            finished, running = wait(running, return_when=FIRST_COMPLETED)
            running |= {pool.submit(job, one) for one in islice(waiting, len(finished))}
            for future in finished:
                yield future.result()
    finally:
        for future in running:
            future.cancel()


_worlds: list[World] = []
"""The world of this process, when it replays."""


def _prepare_process(build_world: Callable[[], World]) -> None:
    # Ctrl-C reaches all processes of a terminal; the one that leads decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _worlds.append(build_world())


def _write_missing(
    root: Path, view: ExportView, formats: tuple[ExportFormat, ...], episode: Episode
) -> int:
    return write_episode(root, _worlds[0], view, formats, episode)
