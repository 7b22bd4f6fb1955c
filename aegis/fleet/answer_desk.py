"""Answer desk: batches the questions of all branches, and gives back each once it is answered.

Policies of this process compute when they are asked to. Remote ones think in a thread of their own,
one batch at a time; meanwhile their next batch gathers, and branches that do not need them go on.
A policy that costs much waits until its batch is full (`PolicySpec.fill`), as long as anybody else
has something to do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import Pipe
from multiprocessing.connection import Connection

from aegis.core.answers import check_answer_count, check_proposal_width, require_proposals
from aegis.core.protocols import Policy, Query
from aegis.core.types import Embodiment, PolicyId, Proposal
from aegis.fleet.arm import Source
from aegis.fleet.messages import PackedProposal, Question, pack_proposal
from aegis.runtime.shared_images import SharedImages, unpack_observation

Reply = dict[Source, PackedProposal]
"""Source to its answer; a source whose policy did not answer is missing."""


@dataclass(slots=True, eq=False)
class _OpenQuestion:
    """A question, and what has been answered of it."""

    worker: int
    ticket: int
    waits: set[Source]
    reply: Reply = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class _Request:
    """One query of a question, to one policy."""

    question: _OpenQuestion
    source: Source
    query: Query


Batch = Sequence[_Request]


class AnswerDesk:
    """Answers questions.

    Args:
        policies: Who answers, by name.
        embodiment: The robot.
        may_be_absent: Whether answers may be missing; the controllers then hold and ask again.

    Attributes:
        bell: Readable when a remote policy has answered; None if all policies are in this process.
    """

    bell: Connection[None, None] | None = None

    def __init__(
        self,
        policies: Mapping[PolicyId, Policy],
        embodiment: Embodiment,
        *,
        may_be_absent: bool = False,
    ) -> None:
        self._policies, self._embodiment = policies, embodiment
        self._may_be_absent = may_be_absent
        self._queues: dict[PolicyId, list[_Request]] = {name: [] for name in sorted(policies)}
        self._remote = [name for name in self._queues if policies[name].spec.remote]
        self._thinking: dict[PolicyId, tuple[Batch, Future[Sequence[Proposal | None]]]] = {}
        self._open: list[_OpenQuestion] = []
        if self._remote:
            self._threads = ThreadPoolExecutor(len(self._remote))
            self.bell, self._ringer = Pipe(duplex=False)

    @property
    def has_news(self) -> bool:
        """Whether a remote policy has answered since the last time."""
        return self.bell is not None and self.bell.poll()

    @property
    def is_holding(self) -> bool:
        """Whether questions wait until a batch is full."""
        return any(name not in self._thinking for name, queue in self._queues.items() if queue)

    def add_question(self, worker: int, question: Question, images: SharedImages) -> None:
        """Takes a question.

        Args:
            worker: Who asks.
            question: What.
            images: Where its pictures lie; they are copied.
        """
        one = _OpenQuestion(worker, question.ticket, set(question.views))
        self._open.append(one)
        for source in question.views:
            query = _build_query(question, source, images)
            self._queues[source.policy].append(_Request(one, source, query))

    def compute_answers(self, *, flush: bool) -> None:
        """Lets policies answer what has gathered; remote ones only begin to.

        Args:
            flush: Also of policies whose batches are not full.

        Raises:
            ShapeError: If a policy does not answer each query.
            AbsentAnswerError: If an answer is missing that may not be.
            EmbodimentError: If a policy answers with actions of another robot.
        """
        ready = [name for name in self._queues if self._queues[name]]
        ready = [name for name in ready if flush or self._is_full(name)]
        for name in [name for name in ready if name in self._remote]:
            if name not in self._thinking:
                self._begin_batch(name)
        for name in [name for name in ready if name not in self._remote]:
            batch, self._queues[name] = self._queues[name], []
            self._take_answers(name, batch, _ask_policy(self._policies[name], batch))

    def collect_replies(self) -> list[tuple[int, int, Reply]]:
        """Returns worker, ticket and reply of the questions that are answered.

        Raises:
            AegisError: Whatever a remote policy raised.
        """
        while self.bell is not None and self.bell.poll():
            self.bell.recv_bytes()
        for name, (batch, future) in list(self._thinking.items()):
            if future.done():
                del self._thinking[name]
                self._take_answers(name, batch, future.result())
                if self._queues[name] and self._is_full(name):
                    self._begin_batch(name)
        done = [one for one in self._open if not one.waits]
        self._open = [one for one in self._open if one.waits]
        return [(one.worker, one.ticket, one.reply) for one in done]

    def drop_worker(self, worker: int) -> None:
        """Forgets the questions of a worker that died; its successor uses the same tickets."""
        self._open = [one for one in self._open if one.worker != worker]
        for name, queue in self._queues.items():
            self._queues[name] = [one for one in queue if one.question.worker != worker]

    def close(self) -> None:
        """Ends the threads; what they compute comes to nothing."""
        if self.bell is not None:
            self._threads.shutdown(wait=True, cancel_futures=True)
            self._ringer.close()
            self.bell.close()

    def _is_full(self, name: PolicyId) -> bool:
        if name in self._thinking:
            return False
        return len(self._queues[name]) >= max(self._policies[name].spec.fill, 1)

    def _begin_batch(self, name: PolicyId) -> None:
        batch, self._queues[name] = self._queues[name], []
        future = self._threads.submit(_ask_policy, self._policies[name], batch)
        self._thinking[name] = batch, future
        future.add_done_callback(lambda _: self._ringer.send_bytes(b"1"))

    def _take_answers(
        self, name: PolicyId, batch: Batch, answers: Sequence[Proposal | None]
    ) -> None:
        if not self._may_be_absent:
            queries = [request.query for request in batch]
            require_proposals(self._policies[name], queries, answers)
        for request, proposal in zip(batch, answers, strict=True):
            request.question.waits.discard(request.source)
            if proposal is not None:
                check_proposal_width(proposal, self._embodiment, name)
                request.question.reply[request.source] = pack_proposal(proposal)


def _build_query(question: Question, source: Source, images: SharedImages) -> Query:
    obs = unpack_observation(question.views[source], images)
    past = tuple(unpack_observation(packed, images) for packed in question.past.get(source, ()))
    return source.build_query(question.key, question.standings[0].k, obs, past)


def _ask_policy(policy: Policy, batch: Batch) -> Sequence[Proposal | None]:
    answers = policy.propose([request.query for request in batch])
    check_answer_count(policy, len(batch), answers)
    return answers
