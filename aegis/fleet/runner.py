"""Runner: plays all arms on all units. Simulators in worker processes, each policy once, here.

Queries of all episodes in flight are answered in batches. A result depends on its episode's key
and arm alone, so neither order, batches, workers nor interruptions can be seen in the tables.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from aegis.core.errors import ConfigError, InterruptedRunError, MachineError, PairingError
from aegis.core.protocols import Policy
from aegis.core.types import EpisodeKey, PolicyId
from aegis.fleet import pairing
from aegis.fleet.answer_desk import AnswerDesk, Reply
from aegis.fleet.interrupt import on_ctrl_c
from aegis.fleet.messages import (
    Answers,
    Drain,
    EpisodeDone,
    FromWorker,
    JobDone,
    PlayUnit,
    Question,
    Questions,
    RendererDescription,
    RunSetup,
    ViewSpec,
    rebuild_error,
)
from aegis.fleet.pool import WorkerPool
from aegis.fleet.progress import ProgressSink
from aegis.fleet.run_plan import RunPlan, compute_identity
from aegis.fleet.schedule import JobSchedule, UnitJob
from aegis.records.folder_lock import lock_folder
from aegis.records.rows import EpisodeRow
from aegis.records.store import RunStore, RunTables


def play_plan(
    plan: RunPlan,
    policies: Mapping[PolicyId, Policy],
    pool: WorkerPool,
    out: Path,
    sink: ProgressSink,
    slots: int,
) -> RunTables:
    """Runs a plan, or what is left of it.

    Args:
        plan: What to play.
        policies: The policies, by the names that the arms use. A proposal must depend on its
            query alone.
        pool: Simulator processes, with the world; several runs in a row may share them.
        out: Run folder; one that exists is resumed.
        sink: Who is told.
        slots: Branches (see ``aegis.fleet.branches``) that each process keeps in flight.

    Raises:
        ConfigError: If the folder holds another experiment or rows of a machine whose rows may
            differ, or slots are below 1.
        BusyFolderError: If another process plays into the folder.
        PluginError: If a detector, a gate or a switch cannot say what it is.
        InterruptedRunError: After Ctrl-C, with all finished episodes on disk.
        PairingError: If arms differ before their first hand-over, if an audited arm ends
            otherwise than in the shared simulation, or if a policy depends on its batch.
        MachineError: If workers die again and again, or the disk is full.
        EpisodeError: If a world raises; AEGIS's own errors come through as they are.
    """
    if slots < 1:
        raise ConfigError(f"slots must be at least 1. Got: {slots}.")
    plan.check_policies(policies)
    identity, store = compute_identity(plan, policies), RunStore(out)
    with lock_folder(out):
        store.open_run(identity, plan.notes, plan.config)
        return _PlanRun(plan, policies, store, sink, slots).play_remaining(pool)


_FILL_WAIT = 0.05
"""How long the last questions wait for others to fill their batch, while nobody reports [s]."""


class _PlanRun:
    def __init__(
        self,
        plan: RunPlan,
        policies: Mapping[PolicyId, Policy],
        store: RunStore,
        sink: ProgressSink,
        slots: int,
    ) -> None:
        self._plan, self._policies, self._store, self._sink = plan, policies, store, sink
        self._slots = slots
        eyes = {name: ViewSpec.from_policy_spec(policy.spec) for name, policy in policies.items()}
        self._setup = RunSetup(plan.arms, eyes, plan.truth, store.root, slots, plan.sharing)
        self._deal = JobSchedule()
        self._desk = AnswerDesk(
            policies, plan.arms[0].controller.embodiment, may_be_absent=plan.absent
        )
        self._asked: list[tuple[int, Question]] = []
        self._rows: dict[EpisodeKey, dict[str, EpisodeRow]] = {key: {} for key in plan.units}
        self._ticks = 0
        self._stopping = self._resting = False

    def play_remaining(self, pool: WorkerPool) -> RunTables:
        """Plays what is left, then merges."""
        total = len(self._plan.units) * len(self._plan.arms)
        try:
            self._queue_remaining(total)
            if self._deal.waiting:
                began = time.perf_counter()
                with on_ctrl_c(self._request_stop):
                    self._serve_workers(pool)
                wall = time.perf_counter() - began
                self._store.append_timing(event="run", wall=wall, ticks=self._ticks)
            done = [(key, arm) for key, rows in self._rows.items() for arm in rows]
            tables = self._store.merge_parts(done)
        finally:
            self._sink.on_run_closed()
            self._desk.close()
        if len(done) < total:
            raise InterruptedRunError(
                f"Stopped: {len(done)} of {total} episodes are finished and stay "
                f"in {self._store.root}. Run the same command again to go on."
            )
        return tables

    def _queue_remaining(self, total: int) -> None:
        """Reads what earlier runs left, and lists what is still to be played."""
        names = [arm.name for arm in self._plan.arms]
        found = {
            (key, name): self._store.read_episode_row(key, name)
            for key in self._rows
            for name in names
        }
        before = [row for row in found.values() if row is not None]
        self._sink.on_run_opened(total, len(before), names)
        for row in before:
            self._rows[row.key][row.arm] = row
            self._sink.on_episode_finished(row)
        for key, rows in self._rows.items():
            left = tuple(i for i, name in enumerate(names) if name not in rows)
            if left:
                self._deal.add_job(UnitJob(key, left))
            else:
                self._check_pairing(key)

    def _serve_workers(self, pool: WorkerPool) -> None:
        pool.prepare_run(self._setup, self._deal.waiting)
        self._check_machine(pool)
        self._deal.set_workers(pool.size)
        while self._deal.waiting or self._deal.is_busy:
            if self._stopping and not self._resting:
                self._resting = True
                for worker in range(pool.size):
                    pool.send_message(worker, Drain())
            self._assign_jobs(pool)
            if not self._deal.is_busy:
                return
            # A second at most, since Ctrl-C has to be noticed while nobody reports.
            wait = _FILL_WAIT if self._desk.is_holding else 1.0
            heard = pool.receive_messages(wait, self._desk.bell)
            for worker, message in heard:
                self._handle_message(worker, message)
            self._answer_questions(pool, flush=not (heard or self._desk.has_news))

    def _check_machine(self, pool: WorkerPool) -> None:
        """Writes down what rows depend on besides identity, or compares it with what is there."""
        renderer = pool.ask_renderer(self._plan.retries)
        drawn_by = {"renderer": renderer} if renderer else {}
        self._store.check_machine({**self._plan.machine, **drawn_by})

    def _assign_jobs(self, pool: WorkerPool) -> None:
        """Hands out units, one to each worker in turn until all slots are taken."""
        for _ in range(self._slots):
            for worker in range(pool.size):
                if self._stopping or not self._deal.waiting:
                    return
                if self._deal.count_playing(worker) < self._slots:
                    number = self._deal.take_job(worker)
                    job = self._deal[number]
                    pool.send_message(worker, PlayUnit(number, job.key, job.arms, job.audit))

    def _handle_message(self, worker: int, message: FromWorker | None) -> None:
        if message is None:
            self._requeue_lost(worker)
        elif isinstance(message, Questions):
            self._asked += [(worker, question) for question in message.questions]
            self._report_progress(message.questions)
        elif isinstance(message, EpisodeDone):
            self._record_episode(self._deal[message.job], message.row)
        elif isinstance(message, JobDone):
            self._finish_job(worker, message)
        elif isinstance(message, RendererDescription):
            raise AssertionError("nobody asked")
        else:
            raise rebuild_error(message, str(self._deal[message.job].key))

    def _answer_questions(self, pool: WorkerPool, *, flush: bool) -> None:
        """Hands on what was asked and what was answered, in one message per worker.

        A worker whose questions are still open hears so, too: it may ask for other branches.
        """
        asked, self._asked = self._asked, []
        items: dict[int, list[tuple[int, Reply]]] = {worker: [] for worker, _ in asked}
        for worker, question in asked:
            self._desk.add_question(worker, question, pool.get_images(worker))
        self._desk.compute_answers(flush=flush)
        for worker, ticket, reply in self._desk.collect_replies():
            items.setdefault(worker, []).append((ticket, reply))
        for worker, mine in items.items():
            pool.send_message(worker, Answers(tuple(mine)))

    def _report_progress(self, questions: Sequence[Question]) -> None:
        arms = {arm.name: arm for arm in self._plan.arms}
        for question in questions:
            # An audit plays again what was reported once.
            if self._deal[question.job].audit:
                continue
            instruction = next(iter(question.views.values())).instruction
            for one in question.standings:
                progress = one.report_progress(question.key, arms[one.arm], instruction)
                self._sink.on_progress(progress)

    def _record_episode(self, job: UnitJob, row: EpisodeRow) -> None:
        """Takes an episode; that of an audit must be the one that is known."""
        if not job.audit:
            self._rows[row.key][row.arm] = row
            self._sink.on_episode_finished(row)
        elif row != self._rows[row.key][row.arm]:
            raise PairingError(
                f"{row.key}, arm {row.arm}: played from the start it does not end as it did in the "
                "simulation that arms shared. A policy keeps something between queries, or the "
                "world's snapshot forgets something. sharing=false plays every arm alone."
            )

    def _finish_job(self, worker: int, message: JobDone) -> None:
        job = self._deal[message.job]
        self._deal.finish_job(worker, message.job)
        self._ticks += message.ticks
        what = "audit" if job.audit else "unit"
        self._store.append_timing(
            event=what, unit=str(job.key), ticks=message.ticks, busy=message.busy
        )
        if not job.audit:
            self._settle_unit(job.key)

    def _settle_unit(self, key: EpisodeKey) -> None:
        """Checks a unit of which all arms are there, and has it audited if the lot fell on it."""
        if len(self._rows[key]) == len(self._plan.arms):
            self._check_pairing(key)
            if self._plan.is_audited(key):
                self._deal.add_job(UnitJob(key, tuple(range(len(self._plan.arms))), audit=True))

    def _check_pairing(self, key: EpisodeKey) -> None:
        trails = [pairing.read_trail(self._store, key, arm) for arm in self._plan.arms]
        pairing.check_pairing(key, trails)

    def _requeue_lost(self, worker: int) -> None:
        """Puts the units of a dead worker back to the front, without the arms that are done."""
        lost = self._deal.release_jobs(worker)
        self._desk.drop_worker(worker)
        self._asked = [(owner, question) for owner, question in self._asked if owner != worker]
        # Each goes to the front of the queue, so the last one first: they keep their order.
        for number in reversed(lost):
            job = self._deal[number]
            done = () if job.audit else self._rows[job.key]
            left = tuple(i for i in job.arms if self._plan.arms[i].name not in done)
            if left:
                self._deal.requeue_job(number, left)
            else:  # it died after the last episode and before it could say so
                self._settle_unit(job.key)
        self._store.append_timing(
            event="crash", units=[str(self._deal[number].key) for number in lost]
        )
        worst = max(lost, key=self._deal.count_crashes, default=None)
        if worst is not None and self._deal.count_crashes(worst) > self._plan.retries:
            raise MachineError(
                f"A simulator process died {self._deal.count_crashes(worst)} times while it played "
                f"{self._deal[worst].key}. Is the memory full (try fewer workers or slots), or is "
                "the graphics library broken (try `aegis doctor`)? A script of your own must start "
                "runs under `if __name__ == '__main__':`. Finished episodes are safe."
            )

    def _request_stop(self) -> None:
        self._stopping = True
