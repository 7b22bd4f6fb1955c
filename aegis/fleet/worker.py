"""Worker: a process with simulators.

It plays several branches in turn, so that while one waits for a proposal another one moves.
"""

from __future__ import annotations

import gc
import signal
import time
import traceback
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

from aegis.core.protocols import ForkableWorld, World
from aegis.core.types import Proposal
from aegis.fleet import branches as episodes
from aegis.fleet.arm import Source
from aegis.fleet.branches import Branch, Pause, Played
from aegis.fleet.messages import (
    Answers,
    Asked,
    Closed,
    Done,
    Failed,
    FromWorker,
    Play,
    Question,
    Rest,
    Setup,
    ToWorker,
    pack_observation,
    unpack_proposals,
)
from aegis.fleet.shared_images import Gallery
from aegis.records.store import Store


def main(
    connection: Connection[FromWorker, ToWorker], world: Callable[[], World], room: Any
) -> None:
    """Serves until the other end closes. Ctrl-C is the main process's business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Rows are many small objects without cycles; looking for cycles among them is wasted time.
    gc.set_threshold(50_000, 50, 100)
    worker = _Worker(connection, world, Gallery(room))
    try:
        worker.serve()
    except (EOFError, BrokenPipeError, ConnectionResetError):
        worker.close()


@dataclass(slots=True, eq=False)
class _Job:
    """A unit that is being played."""

    play: Play
    branches: int = 0
    ticks: int = 0
    busy: float = 0.0


@dataclass(slots=True, eq=False)
class _Slot:
    """A branch in flight."""

    job: _Job
    world: World
    play: episodes.Play


@dataclass(slots=True, eq=False)
class _Worker:
    connection: Connection[FromWorker, ToWorker]
    world: Callable[[], World]
    room: Gallery
    setup: Setup | None = None
    jobs: dict[int, _Job] = field(default_factory=dict)
    slots: dict[int, _Slot] = field(default_factory=dict)
    spare: list[World] = field(default_factory=list)
    waiting: deque[tuple[_Job, Branch]] = field(default_factory=deque)
    ready: deque[tuple[int, Mapping[Source, Proposal] | None]] = field(default_factory=deque)
    asked: list[tuple[int, Pause]] = field(default_factory=list)
    open: bool = False
    resting: bool = False
    tickets: int = 0

    def serve(self) -> None:
        """Alternates between listening, asking, and moving one branch."""
        while True:
            while self.connection.poll() or self._stuck():
                self._hear(self.connection.recv())
            if self._due():
                self._ask()
            elif self.waiting and self._free():
                job, branch = self.waiting.popleft()
                self._guarded(job, partial(self._begin, job, branch))
            elif self.ready:
                ticket, proposals = self.ready.popleft()
                self._guarded(self.slots[ticket].job, partial(self._advance, ticket, proposals))

    def _due(self) -> bool:
        """Says whether to ask now: when half of the slots wait, or all that are taken.

        The other half then simulates while the answers are computed.
        """
        if not self.asked or self.open:
            return False
        idle = not (self.ready or (self.waiting and self._free()))
        return idle or 2 * len(self.asked) >= self._known().slots

    def _stuck(self) -> bool:
        """Says whether there is nothing to do but listen.

        Only one set of questions is open at a time: answers free the room for pictures.
        """
        return not ((self.waiting and self._free()) or self.ready or (self.asked and not self.open))

    def _free(self) -> bool:
        return len(self.slots) < self._known().slots

    def close(self) -> None:
        """Closes all worlds."""
        for world in [*self.spare, *(slot.world for slot in self.slots.values())]:
            world.close()

    def _hear(self, message: ToWorker) -> None:
        if isinstance(message, Answers):
            self.room.clear()
            self.open = False
            self.ready.extend((ticket, unpack_proposals(item)) for ticket, item in message.items)
        elif isinstance(message, Setup):
            self.setup, self.resting = message, False
        elif isinstance(message, Rest):
            self.resting = True
            dropped, self.waiting = self.waiting, deque()
            for job, _ in dropped:
                self._leave(job)
        else:
            job = self.jobs[message.job] = _Job(message)
            self._guarded(job, partial(self._open, job))

    def _guarded(self, job: _Job, act: Callable[[], None]) -> None:
        """Reports what goes wrong with a job; the main process then ends the run."""
        try:
            act()
        except (EOFError, BrokenPipeError, ConnectionResetError):
            raise
        except Exception as error:
            trace = "".join(traceback.format_exception(error))
            self.connection.send(Failed(job.play.job, type(error), str(error), trace))

    def _open(self, job: _Job) -> None:
        setup, play = self._known(), job.play
        if not self.spare:
            self.spare.append(self.world())
        shared = setup.sharing and not play.audit and isinstance(self.spare[-1], ForkableWorld)
        branches = episodes.roots([setup.arms[i] for i in play.arms], play.key, shared=shared)
        job.branches = len(branches)
        self.waiting.extend((job, branch) for branch in branches)

    def _begin(self, job: _Job, branch: Branch) -> None:
        """Gives a free slot to a branch that waits."""
        setup = self._known()
        world = self.spare.pop() if self.spare else self.world()
        self.tickets += 1
        play = episodes.play(world, branch, setup.eyes, setup.truth)
        self.slots[self.tickets] = _Slot(job, world, play)
        self.ready.append((self.tickets, None))

    def _advance(self, ticket: int, proposals: Mapping[Source, Proposal] | None) -> None:
        slot, began = self.slots[ticket], time.perf_counter()
        try:
            event = slot.play.send(proposals)
            while isinstance(event, Branch):
                self._keep(slot.job, event)
                event = next(slot.play)
            self.asked.append((ticket, event))
            slot.job.busy += time.perf_counter() - began
        except StopIteration as end:
            slot.job.busy += time.perf_counter() - began
            self._finish(ticket, slot, end.value)

    def _keep(self, job: _Job, branch: Branch) -> None:
        """Puts a fork to the front: what is half played goes before what has not begun."""
        if not self.resting:
            self.waiting.appendleft((job, branch))
            job.branches += 1

    def _ask(self) -> None:
        questions = tuple(self._question(ticket, pause) for ticket, pause in self.asked)
        self.asked.clear()
        self.open = True
        self.connection.send(Asked(questions))

    def _question(self, ticket: int, pause: Pause) -> Question:
        play, eyes = self.slots[ticket].job.play, self._known().eyes
        views = {
            source: pack_observation(obs, eyes[source[0]].privileged, self.room)
            for source, obs in pause.views.items()
        }
        return Question(ticket, play.job, play.key, views, pause.standings)

    def _finish(self, ticket: int, slot: _Slot, played: Played) -> None:
        store, play = Store(self._known().out), slot.job.play
        for episode in played.episodes:
            if not play.audit:
                store.write(episode)
            self.connection.send(Done(play.job, episode.row))
        del self.slots[ticket]
        self.spare.append(slot.world)
        slot.job.ticks += played.ticks
        self._leave(slot.job)

    def _leave(self, job: _Job) -> None:
        """Takes note that a branch is over, and with the last one the job."""
        job.branches -= 1
        if not job.branches:
            del self.jobs[job.play.job]
            self.connection.send(Closed(job.play.job, job.ticks, job.busy))

    def _known(self) -> Setup:
        assert self.setup is not None, "the main process sends the setup first"
        return self.setup


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
