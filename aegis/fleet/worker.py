"""Worker: a process with simulators.

It plays several branches in turn, so that while one waits for a proposal another one moves.
"""

from __future__ import annotations

import gc
import signal
import time
import traceback
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

from aegis.core.capabilities import Rendering
from aegis.core.protocols import ForkableWorld, World
from aegis.core.types import Observation, Proposal
from aegis.fleet import branches as episodes
from aegis.fleet.arm import Source
from aegis.fleet.branches import Branch, BranchResult, Pause
from aegis.fleet.messages import (
    Answers,
    DescribeRenderer,
    Drain,
    EpisodeDone,
    FromWorker,
    JobDone,
    JobFailed,
    PlayUnit,
    Question,
    Questions,
    RendererDescription,
    RunSetup,
    ToWorker,
    unpack_proposals,
)
from aegis.records.store import RunStore
from aegis.runtime.shared_images import PackedObservation, SharedImages, pack_observation


def main(
    connection: Connection[FromWorker, ToWorker], world: Callable[[], World], buffer: Any
) -> None:
    """Serves until the other end closes. Ctrl-C is the main process's business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Rows are many small objects without cycles; looking for cycles among them is wasted time.
    gc.set_threshold(50_000, 50, 100)
    worker = _Worker(connection, world, SharedImages(buffer))
    try:
        worker.serve_forever()
    except (EOFError, BrokenPipeError, ConnectionResetError):
        worker.close_worlds()


@dataclass(slots=True, eq=False)
class _ActiveJob:
    """A unit that is being played."""

    order: PlayUnit
    branches: int = 0
    ticks: int = 0
    busy: float = 0.0


@dataclass(slots=True, eq=False)
class _BranchSlot:
    """A branch in flight."""

    job: _ActiveJob
    world: World
    steps: episodes.BranchPlay
    part: int


@dataclass(slots=True, eq=False)
class _Worker:
    connection: Connection[FromWorker, ToWorker]
    world: Callable[[], World]
    images: SharedImages
    setup: RunSetup | None = None
    jobs: dict[int, _ActiveJob] = field(default_factory=dict)
    slots: dict[int, _BranchSlot] = field(default_factory=dict)
    spare: list[World] = field(default_factory=list)
    waiting: deque[tuple[_ActiveJob, Branch]] = field(default_factory=deque)
    ready: deque[tuple[int, Mapping[Source, Proposal] | None]] = field(default_factory=deque)
    asked: list[tuple[int, Pause]] = field(default_factory=list)
    open: bool = False
    resting: bool = False
    tickets: int = 0

    def serve_forever(self) -> None:
        """Alternates between listening, asking, and moving one branch."""
        while True:
            # First all that has come: answers become work before the next thing to do is chosen.
            while self.connection.poll() or self._must_listen():
                self._handle_message(self.connection.recv())
            if self._is_asking_due():
                self._send_questions()
            elif self.waiting and self._has_free_slot():
                job, branch = self.waiting.popleft()
                self._run_guarded(job, partial(self._begin_branch, job, branch))
            elif self.ready:
                ticket, proposals = self.ready.popleft()
                self._run_guarded(
                    self.slots[ticket].job, partial(self._advance_branch, ticket, proposals)
                )

    def _is_asking_due(self) -> bool:
        """Says whether to ask now: when half of the slots wait, or all that are taken.

        The other half then simulates while the answers are computed.
        """
        if not self.asked or self.open:
            return False
        idle = not (self.ready or (self.waiting and self._has_free_slot()))
        return idle or 2 * len(self.asked) >= self._require_setup().slots

    def _must_listen(self) -> bool:
        """Says whether there is nothing to do but listen.

        Only one set of questions is open at a time, so that they gather to batches; what a slow
        policy still thinks about is open no more.
        """
        return not (
            (self.waiting and self._has_free_slot()) or self.ready or (self.asked and not self.open)
        )

    def _has_free_slot(self) -> bool:
        return len(self.slots) < self._require_setup().slots

    def close_worlds(self) -> None:
        """Closes all worlds."""
        for world in [*self.spare, *(slot.world for slot in self.slots.values())]:
            world.close()

    def _handle_message(self, message: ToWorker) -> None:
        if isinstance(message, Answers):
            self.open = False
            self.ready.extend((ticket, unpack_proposals(item)) for ticket, item in message.items)
        elif isinstance(message, RunSetup):
            self.setup, self.resting = message, False
        elif isinstance(message, DescribeRenderer):
            self.connection.send(RendererDescription(self._describe_renderer()))
        elif isinstance(message, Drain):
            self.resting = True
            dropped, self.waiting = self.waiting, deque()
            for job, _ in dropped:
                self._close_branch(job)
        else:
            job = self.jobs[message.job] = _ActiveJob(message)
            self._run_guarded(job, partial(self._open_job, job))

    def _describe_renderer(self) -> str:
        """Returns what draws the pictures of this run; empty without pictures."""
        if not any(spec.cameras for spec in self._require_setup().view_specs.values()):
            return ""
        try:
            if not self.spare:
                self.spare.append(self.world())
            world = self.spare[-1]
            return world.describe_renderer() if isinstance(world, Rendering) else ""
        except Exception:  # The first unit raises it again, and names itself.
            return ""

    def _run_guarded(self, job: _ActiveJob, act: Callable[[], None]) -> None:
        """Reports what goes wrong with a job; the main process then ends the run."""
        try:
            act()
        except (EOFError, BrokenPipeError, ConnectionResetError):
            raise
        except Exception as error:
            trace = "".join(traceback.format_exception(error))
            self.connection.send(JobFailed(job.order.job, type(error), str(error), trace))

    def _open_job(self, job: _ActiveJob) -> None:
        setup, order = self._require_setup(), job.order
        if not self.spare:
            self.spare.append(self.world())
        shared = setup.sharing and not order.audit and isinstance(self.spare[-1], ForkableWorld)
        branches = episodes.start_branches(
            [setup.arms[i] for i in order.arms], order.key, shared=shared
        )
        job.branches = len(branches)
        self.waiting.extend((job, branch) for branch in branches)

    def _begin_branch(self, job: _ActiveJob, branch: Branch) -> None:
        """Gives a free slot to a branch that waits."""
        setup = self._require_setup()
        world = self.spare.pop() if self.spare else self.world()
        self.tickets += 1
        steps = episodes.play_branch(world, branch, setup.view_specs, setup.truth)
        taken = {slot.part for slot in self.slots.values()}
        part = next(i for i in range(setup.slots) if i not in taken)
        self.slots[self.tickets] = _BranchSlot(job, world, steps, part)
        self.ready.append((self.tickets, None))

    def _advance_branch(self, ticket: int, proposals: Mapping[Source, Proposal] | None) -> None:
        slot, began = self.slots[ticket], time.perf_counter()
        try:
            event = slot.steps.send(proposals)
            while isinstance(event, Branch):
                self._queue_fork(slot.job, event)
                event = next(slot.steps)
            self.asked.append((ticket, event))
            slot.job.busy += time.perf_counter() - began
        except StopIteration as end:
            slot.job.busy += time.perf_counter() - began
            self._finish_branch(ticket, slot, end.value)

    def _queue_fork(self, job: _ActiveJob, branch: Branch) -> None:
        """Puts a fork to the front: what is half played goes before what has not begun."""
        if not self.resting:
            self.waiting.appendleft((job, branch))
            job.branches += 1

    def _send_questions(self) -> None:
        questions = tuple(self._build_question(ticket, pause) for ticket, pause in self.asked)
        self.asked.clear()
        self.open = True
        self.connection.send(Questions(questions))

    def _build_question(self, ticket: int, pause: Pause) -> Question:
        slot, setup = self.slots[ticket], self._require_setup()
        order, view_specs = slot.job.order, setup.view_specs
        # The pictures of its last question were needed until that was answered.
        self.images.open_part(slot.part, setup.slots)

        def pack(source: Source, obs: Observation) -> PackedObservation:
            return pack_observation(obs, view_specs[source.policy].privileged, self.images)

        views = {source: pack(source, obs) for source, obs in pause.views.items()}
        past = {
            source: tuple(pack(source, obs) for obs in seen) for source, seen in pause.past.items()
        }
        return Question(ticket, order.job, order.key, views, pause.standings, past)

    def _finish_branch(self, ticket: int, slot: _BranchSlot, played: BranchResult) -> None:
        store, order = RunStore(self._require_setup().out), slot.job.order
        for episode in played.episodes:
            if not order.audit:
                # On disk before it is reported: what the main process counts as finished survives
                # any crash.
                store.write_episode(episode)
            self.connection.send(EpisodeDone(order.job, episode.row))
        del self.slots[ticket]
        self.spare.append(slot.world)
        slot.job.ticks += played.ticks
        self._close_branch(slot.job)

    def _close_branch(self, job: _ActiveJob) -> None:
        """Takes note that a branch is over, and with the last one the job."""
        job.branches -= 1
        if not job.branches:
            del self.jobs[job.order.job]
            self.connection.send(JobDone(job.order.job, job.ticks, job.busy))

    def _require_setup(self) -> RunSetup:
        assert self.setup is not None, "the main process sends the setup first"
        return self.setup
