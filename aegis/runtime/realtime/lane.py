"""Lane: a policy that thinks beside the control loop, one question at a time."""

from __future__ import annotations

import contextlib
import multiprocessing
import queue
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Protocol

from aegis.core.conventions import Conventions, read_conventions
from aegis.core.protocols import Policy, PolicySpec, Query
from aegis.core.types import F32, EpisodeKey, Nanos, Proposal
from aegis.runtime.realtime.clock import Clock
from aegis.runtime.shared_images import (
    PackedObservation,
    SharedImages,
    pack_observation,
    unpack_observation,
)
from aegis.runtime.shared_memory import SharedBytes

_PICTURE_BYTES = 1 << 28
"""Room for the pictures of a question; only what is written to takes memory."""


@dataclass(frozen=True, slots=True, eq=False)
class LaneAnswer:
    """What came back.

    Attributes:
        query: The question.
        proposal: The answer; None if the policy failed.
        took: Time from question to answer [ns].
        fault: Why there is no proposal; empty if there is one.
    """

    query: Query
    proposal: Proposal | None
    took: Nanos
    fault: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class PackedQuery:
    """A question; its pictures lie in shared memory."""

    key: EpisodeKey
    k: int
    obs: PackedObservation
    salt: int
    due: int | None
    committed: F32 | None

    def unpack_query(self, images: SharedImages) -> Query:
        """Returns the question with its pictures."""
        obs = unpack_observation(self.obs, images)
        return Query(self.key, self.k, obs, self.salt, self.due, self.committed)


class Lane(Protocol):
    """A policy that answers when it can; asking and polling never wait."""

    @property
    def fault(self) -> str:
        """Why nothing will ever come; empty while it lives."""
        ...

    def submit_query(self, query: Query) -> bool:
        """Puts a question; returns False if one is in flight, or the policy is gone."""
        ...

    def poll_answer(self) -> LaneAnswer | None:
        """Returns an answer that has come since, or None."""
        ...

    def close(self) -> None:
        """Ends the policy."""
        ...


class ProcessLane:
    """A policy in a process of its own, so that its thinking does not hold up the control loop.

    A thread sends and receives: a pipe that is full, or a process that was stopped in the middle
    of an answer, must not hold up the loop either.

    Args:
        build_policy: Builds the policy, in that process; must pickle.
        clock: Time.
    """

    def __init__(self, build_policy: Callable[[], Policy], clock: Clock) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._pipe, theirs = spawn.Pipe()
        # Pictures do not go through the pipe; only one question is in flight at a time.
        self._shared = SharedBytes(_PICTURE_BYTES)
        self._images = SharedImages(self._shared.buffer)
        given = (theirs, build_policy, self._shared)
        self._process = spawn.Process(target=_serve_policy, args=given, daemon=True)
        self._process.start()
        theirs.close()
        self._clock = clock
        self._asked: tuple[Query, Nanos] | None = None
        self._spec: PolicySpec | None = None
        self._conventions = Conventions()
        self._fault = ""
        self._ready, self._arrived = threading.Event(), threading.Event()
        self._outgoing: queue.SimpleQueue[PackedQuery | None] = queue.SimpleQueue()
        self._incoming: queue.SimpleQueue[object] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._exchange, daemon=True)
        self._thread.start()

    @property
    def fault(self) -> str:
        """Why nothing will ever come; empty while it lives."""
        # Nobody hears a process die that was asked nothing.
        if not self._fault and self._ready.is_set() and not self._process.is_alive():
            self._fault = "its process is gone"
        return self._fault

    @property
    def spec(self) -> PolicySpec | None:
        """What the policy needs and gives; None until it is built."""
        return self._spec

    @property
    def conventions(self) -> Conventions:
        """What the policy's numbers and pictures mean; empty until it is built."""
        return self._conventions

    def wait_until_ready(self, timeout: float) -> bool:
        """Waits until the policy is built; returns whether it is.

        Args:
            timeout: Longest wait [s].
        """
        return self._ready.wait(timeout) and not self._fault

    def wait_for_answer(self, timeout: float) -> LaneAnswer | None:
        """Waits for an answer, for those who are in no hurry.

        Args:
            timeout: Longest wait [s].
        """
        self._arrived.wait(timeout)
        return self.poll_answer()

    def submit_query(self, query: Query) -> bool:
        """Puts a question; returns False if one is in flight, or the policy is not there."""
        if self._asked is not None or not self._ready.is_set() or self._fault:
            return False
        self._asked = query, self._clock.read_time()
        self._images.clear()
        obs = pack_observation(query.obs, True, self._images)
        self._outgoing.put(
            PackedQuery(query.key, query.k, obs, query.salt, query.due, query.committed)
        )
        return True

    def poll_answer(self) -> LaneAnswer | None:
        """Returns an answer that has come since, or None."""
        if self._asked is None or self._incoming.empty():
            return None
        answer = self._incoming.get_nowait()
        self._arrived.clear()
        (query, since), self._asked = self._asked, None
        took = self._clock.read_time() - since
        if isinstance(answer, Proposal):
            return LaneAnswer(query, answer, took)
        return LaneAnswer(query, None, took, fault=str(answer))

    def close(self) -> None:
        """Ends the process."""
        self._outgoing.put(None)
        self._process.join(2)
        self._process.kill()
        self._process.join()
        self._thread.join()
        self._pipe.close()
        self._shared.close()

    def _exchange(self) -> None:
        """Sends questions and receives answers, until None comes or the process is gone."""
        try:
            built = self._pipe.recv()
            if isinstance(built, tuple):
                self._spec, self._conventions = built
            else:
                self._fault = str(built)
            self._ready.set()
            while (query := self._outgoing.get()) is not None:
                self._pipe.send(query)
                self._incoming.put(self._pipe.recv())
                self._arrived.set()
            self._pipe.send(None)
        except Exception as error:
            gone = isinstance(error, EOFError | OSError)
            self._fault = "its process is gone" if gone else f"{type(error).__name__}: {error}"
            self._incoming.put(self._fault)
            self._ready.set()
            self._arrived.set()


def _serve_policy(
    pipe: Connection, build_policy: Callable[[], Policy], shared: SharedBytes
) -> None:
    """Builds a policy, and answers questions until None comes."""
    # Ctrl-C is for the process that holds the pipe; it decides when to end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(EOFError, OSError):  # The control loop is gone.
        try:
            policy = build_policy()
        except Exception as error:
            pipe.send(f"{type(error).__name__}: {error}")
            return
        try:
            pipe.send((policy.spec, read_conventions(policy)))
            _answer_questions(pipe, policy, SharedImages(shared.buffer))
        finally:
            policy.close()


def _answer_questions(pipe: Connection, policy: Policy, images: SharedImages) -> None:
    while (packed := pipe.recv()) is not None:
        try:
            answer: object = policy.propose([packed.unpack_query(images)])[0] or "no answer came"
        except Exception as error:
            answer = f"{type(error).__name__}: {error}"
        pipe.send(answer)
