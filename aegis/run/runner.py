"""Runner: plays all arms on all units. Simulators in worker processes, each policy once, here.

Queries of all episodes in flight are answered in batches. A result depends on its episode's key
and arm alone, so neither order, batches, workers nor interruptions can be seen in the tables.
"""

from __future__ import annotations

import signal
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from aegis.core.errors import ConfigError, InterruptedRunError, MachineError
from aegis.core.protocols import Policy, World
from aegis.core.types import EpisodeKey, PolicyId
from aegis.run import pairing
from aegis.run.batch import Request, answer
from aegis.run.plan import Plan, identity
from aegis.run.pool import Pool
from aegis.run.sink import Progress, Sink
from aegis.run.store import RunTables, Store
from aegis.run.wire import Answers, Asked, Done, Eyes, FromWorker, Play, Setup, revive


def run(
    plan: Plan,
    policies: Mapping[PolicyId, Policy],
    world: Callable[[], World],
    out: Path,
    sink: Sink,
    workers: int,
    slots: int,
    pool: Pool | None = None,
) -> RunTables:
    """Runs a plan, or what is left of it.

    Args:
        plan: What to play.
        policies: The policies, by the names that the arms use. A proposal must depend on its
            query alone.
        world: Builds a world; must pickle, as ``functools.partial`` of a class does.
        out: Run folder; one that exists is resumed.
        sink: Who is told.
        workers: Simulator processes.
        slots: Episodes that each of them keeps in flight.
        pool: Workers to use instead of own ones; for several runs in a row in the same world.

    Raises:
        ConfigError: If the folder holds another experiment, or workers or slots are below 1.
        InterruptedRunError: After Ctrl-C, with all finished episodes on disk.
        PairingError: If arms differ before their first hand-over.
        MachineError: If workers die again and again, or the disk is full.
        EpisodeError: If a world raises; AEGIS's own errors come through as they are.
    """
    if workers < 1 or slots < 1:
        raise ConfigError(f"workers and slots must be at least 1. Got: {workers} and {slots}.")
    plan.check(policies)
    store = Store(out)
    store.open(identity(plan, policies), plan.notes, plan.config)
    play = _Run(plan, policies, store, sink, slots)
    if pool is not None:
        return play.play(pool)
    with Pool(world, workers) as own:
        return play.play(own)


@dataclass(frozen=True, slots=True)
class _Job:
    key: EpisodeKey
    arm: int


class _Run:
    def __init__(
        self,
        plan: Plan,
        policies: Mapping[PolicyId, Policy],
        store: Store,
        sink: Sink,
        slots: int,
    ) -> None:
        self._plan, self._policies, self._store, self._sink = plan, policies, store, sink
        self._slots = slots
        eyes = {name: Eyes.of(policy.spec) for name, policy in policies.items()}
        self._setup = Setup(plan.arms, eyes, plan.truth, store.root)
        self._jobs = [_Job(key, arm) for key in plan.units for arm in range(len(plan.arms))]
        self._queue: deque[int] = deque()
        self._playing: list[set[int]] = []
        self._asked: dict[int, tuple[int, Asked]] = {}
        self._left = Counter(job.key for job in self._jobs)
        self._done: set[int] = set()
        self._crashes: Counter[int] = Counter()
        self._stopping = False

    def play(self, pool: Pool) -> RunTables:
        """Plays what is left, then merges."""
        try:
            self._resume()
            if self._queue:
                began = time.perf_counter()
                with _ctrl_c(self._stop):
                    self._loop(pool)
                self._store.note(event="run", wall=time.perf_counter() - began)
            tables = self._store.merge(self._named(number) for number in self._done)
        finally:
            self._sink.closed()
        if len(self._done) < len(self._jobs):
            raise InterruptedRunError(
                f"Stopped: {len(self._done)} of {len(self._jobs)} episodes are finished and stay "
                f"in {self._store.root}. Run the same command again to go on."
            )
        return tables

    def _resume(self) -> None:
        names = [arm.name for arm in self._plan.arms]
        rows = {number: self._store.read(*self._named(number)) for number in range(len(self._jobs))}
        before = [row for row in rows.values() if row is not None]
        self._sink.opened(len(self._jobs), len(before), names)
        for number, row in rows.items():
            if row is None:
                self._queue.append(number)
            else:
                self._sink.finished(row)
                self._complete(number)

    def _loop(self, pool: Pool) -> None:
        pool.prepare(self._setup, len(self._queue))
        self._playing = [set() for _ in range(pool.size)]
        while self._queue or any(self._playing):
            self._deal(pool)
            if not any(self._playing):
                return
            for worker, message in pool.hear(0.0 if self._starved() else 1.0):
                self._handle(worker, message)
            if self._starved():
                self._answer(pool)

    def _deal(self, pool: Pool) -> None:
        """Hands out episodes, one to each worker in turn until all slots are taken."""
        for _ in range(self._slots):
            for worker in range(pool.size):
                if self._stopping or not self._queue:
                    return
                if len(self._playing[worker]) < self._slots:
                    number = self._queue.popleft()
                    job = self._jobs[number]
                    self._playing[worker].add(number)
                    pool.send(worker, Play(number, job.arm, job.key))

    def _starved(self) -> bool:
        """Says whether some worker can do nothing but wait for answers.

        Until then its core has work, and waiting makes the batch larger.
        """
        return any(jobs and all(job in self._asked for job in jobs) for jobs in self._playing)

    def _handle(self, worker: int, message: FromWorker | None) -> None:
        if message is None:
            self._requeue(worker)
        elif isinstance(message, Asked):
            self._asked[message.job] = (worker, message)
            self._report(message)
        elif isinstance(message, Done):
            self._playing[worker].discard(message.job)
            self._store.note(event="episode", part=self._label(message.job), wall=message.wall)
            self._sink.finished(message.row)
            self._complete(message.job)
        else:
            raise revive(message, self._label(message.job))

    def _answer(self, pool: Pool) -> None:
        """Answers all that was asked, one batch per policy, one message per worker."""
        asked, self._asked = self._asked, {}
        replies = answer([self._request(ask) for _, ask in asked.values()], self._policies)
        for worker in sorted({worker for worker, _ in asked.values()}):
            mine = tuple(
                (job, replies[job]) for job, (owner, _) in asked.items() if owner == worker
            )
            pool.send(worker, Answers(mine))

    def _request(self, ask: Asked) -> Request:
        job = self._jobs[ask.job]
        return Request(job.key, self._plan.arms[job.arm].salt, ask)

    def _report(self, ask: Asked) -> None:
        job, standing = self._jobs[ask.job], ask.standing
        arm = self._plan.arms[job.arm]
        self._sink.progress(
            Progress(
                key=job.key,
                arm=arm.name,
                k=standing.k,
                horizon=arm.controller.horizon,
                active=standing.active,
                risk=standing.risk,
                threshold=arm.threshold,
                fires=standing.fires,
                strong_steps=standing.strong_steps,
                instruction=next(iter(ask.views.values())).instruction,
            )
        )

    def _complete(self, number: int) -> None:
        """Counts an episode; once all arms of its unit are there, checks their pairing."""
        key = self._jobs[number].key
        self._done.add(number)
        self._left[key] -= 1
        if not self._left[key]:
            trails = [pairing.trail(self._store, key, arm) for arm in self._plan.arms]
            pairing.check(key, trails)

    def _requeue(self, worker: int) -> None:
        """Puts the episodes of a dead worker back to the front."""
        lost, self._playing[worker] = sorted(self._playing[worker]), set()
        for number in reversed(lost):
            self._asked.pop(number, None)
            self._crashes[number] += 1
            self._queue.appendleft(number)
        self._store.note(event="crash", parts=[self._label(number) for number in lost])
        worst = max(lost, key=lambda number: self._crashes[number], default=None)
        if worst is not None and self._crashes[worst] > self._plan.retries:
            raise MachineError(
                f"A simulator process died {self._crashes[worst]} times while it played "
                f"{self._label(worst)}. Is the memory full (try fewer workers or slots), or is the "
                "graphics library broken (try `aegis doctor`)? Finished episodes are safe."
            )

    def _stop(self) -> None:
        self._stopping = True

    def _named(self, number: int) -> tuple[EpisodeKey, str]:
        job = self._jobs[number]
        return job.key, self._plan.arms[job.arm].name

    def _label(self, number: int) -> str:
        key, arm = self._named(number)
        return f"{key}, arm {arm}"


@contextmanager
def _ctrl_c(stop: Callable[[], None]) -> Iterator[None]:
    """Turns the first Ctrl-C into a call; the second one interrupts as usual."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        stop()

    before = signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
