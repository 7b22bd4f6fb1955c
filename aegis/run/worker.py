"""Worker: a process with simulators.

It plays several episodes in turn, so that while one waits for a proposal another one moves.
"""

from __future__ import annotations

import signal
import time
import traceback
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from aegis.core.protocols import World
from aegis.core.types import PolicyId, Proposal
from aegis.run import episode as episodes
from aegis.run.arm import Arm
from aegis.run.rows import Episode
from aegis.run.store import Store
from aegis.run.wire import (
    Answers,
    Asked,
    Done,
    Failed,
    FromWorker,
    Play,
    Setup,
    ToWorker,
    pack_observation,
    unpack_proposals,
)


def main(connection: Connection[FromWorker, ToWorker], world: Callable[[], World]) -> None:
    """Serves until the other end closes. Ctrl-C is the main process's business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    worker = _Worker(connection, world)
    try:
        worker.serve()
    except (EOFError, BrokenPipeError, ConnectionResetError):
        worker.close()


@dataclass(slots=True, eq=False)
class _Slot:
    """An episode in flight."""

    world: World
    play: episodes.Play
    arm: Arm
    busy: float = 0.0


class _Worker:
    def __init__(
        self, connection: Connection[FromWorker, ToWorker], world: Callable[[], World]
    ) -> None:
        self._connection = connection
        self._world = world
        self._setup = Setup((), {}, (), Path())
        self._slots: dict[int, _Slot] = {}
        self._spare: list[World] = []
        self._ready: deque[tuple[int, Mapping[PolicyId, Proposal] | None]] = deque()

    def serve(self) -> None:
        """Alternates between listening and moving one episode."""
        while True:
            while not self._ready or self._connection.poll():
                self._hear(self._connection.recv())
            job, proposals = self._ready.popleft()
            try:
                self._advance(job, proposals)
            except (EOFError, BrokenPipeError, ConnectionResetError):
                raise
            except Exception as error:
                self._fail(job, error)

    def close(self) -> None:
        """Closes all worlds."""
        for world in [*self._spare, *(slot.world for slot in self._slots.values())]:
            world.close()

    def _hear(self, message: ToWorker) -> None:
        if isinstance(message, Answers):
            self._ready.extend((job, unpack_proposals(packed)) for job, packed in message.items)
            return
        if isinstance(message, Setup):
            self._setup = message
            return
        try:
            self._open(message)
        except Exception as error:
            self._fail(message.job, error)

    def _open(self, message: Play) -> None:
        setup = self._setup
        world = self._spare.pop() if self._spare else self._world()
        arm = setup.arms[message.arm]
        play = episodes.play(world, arm, message.key, setup.eyes, setup.truth)
        self._slots[message.job] = _Slot(world, play, arm)
        self._ready.append((message.job, None))

    def _advance(self, job: int, proposals: Mapping[PolicyId, Proposal] | None) -> None:
        slot, began = self._slots[job], time.perf_counter()
        try:
            pause = next(slot.play) if proposals is None else slot.play.send(proposals)
        except StopIteration as end:
            slot.busy += time.perf_counter() - began
            self._finish(job, slot, end.value)
            return
        slot.busy += time.perf_counter() - began
        eyes = self._setup.eyes
        views = {
            policy: pack_observation(obs, eyes[policy].privileged)
            for policy, obs in pause.views.items()
        }
        self._connection.send(Asked(job, views, pause.standing))

    def _finish(self, job: int, slot: _Slot, episode: Episode) -> None:
        Store(self._setup.out).write(episode)
        del self._slots[job]
        self._spare.append(slot.world)
        self._connection.send(Done(job, episode.row, slot.busy))

    def _fail(self, job: int, error: Exception) -> None:
        self._slots.pop(job, None)
        trace = "".join(traceback.format_exception(error))
        self._connection.send(Failed(job, type(error), str(error), trace))


def limits(threads: int) -> dict[str, str]:
    """Returns the environment that keeps numerical libraries to so many threads per process."""
    names: Sequence[str] = (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "NUMEXPR_NUM_THREADS",
        "NUMBA_NUM_THREADS",
    )
    return dict.fromkeys(names, str(threads))
