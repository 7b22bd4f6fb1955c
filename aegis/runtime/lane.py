"""Lane: a policy that thinks beside the control loop, one question at a time."""

from __future__ import annotations

import contextlib
import multiprocessing
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Protocol

from aegis.core.protocols import Policy, Query
from aegis.core.types import Nanos, Proposal
from aegis.runtime.clock import Clock


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

    Args:
        build_policy: Builds the policy, in that process; must pickle.
        clock: Time.
    """

    def __init__(self, build_policy: Callable[[], Policy], clock: Clock) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._pipe, theirs = spawn.Pipe()
        self._process = spawn.Process(
            target=_serve_policy, args=(theirs, build_policy), daemon=True
        )
        self._process.start()
        theirs.close()
        self._clock = clock
        self._ready = False
        self._asked: tuple[Query, Nanos] | None = None
        self._fault = ""

    @property
    def fault(self) -> str:
        """Why nothing will ever come; empty while it lives."""
        return self._fault

    def wait_until_ready(self, timeout: float) -> bool:
        """Waits until the policy is built; returns whether it is.

        Args:
            timeout: Longest wait [s].
        """
        if not self._ready and not self._fault and self._pipe.poll(timeout):
            self._receive()
        return self._ready

    def submit_query(self, query: Query) -> bool:
        """Puts a question; returns False if one is in flight, or the policy is not there."""
        if self._asked is not None or not self.wait_until_ready(0):
            return False
        try:
            self._pipe.send(query)
        except OSError as error:
            self._fault = f"its process is gone ({error})"
            return False
        self._asked = query, self._clock.read_time()
        return True

    def poll_answer(self) -> LaneAnswer | None:
        """Returns an answer that has come since, or None."""
        if self._asked is None or self._fault or not self._pipe.poll(0):
            return None
        query, since = self._asked
        answer = self._receive()
        self._asked = None
        took = self._clock.read_time() - since
        if isinstance(answer, Proposal):
            return LaneAnswer(query, answer, took)
        return LaneAnswer(query, None, took, fault=str(answer))

    def close(self) -> None:
        """Ends the process."""
        with contextlib.suppress(OSError):  # It may be gone already.
            self._pipe.send(None)
        self._process.join(2)
        self._process.kill()
        self._process.join()
        self._pipe.close()

    def _receive(self) -> object:
        """Returns what the process sent, or why it sends no more."""
        try:
            answer = self._pipe.recv()
        except (EOFError, OSError):
            self._fault = "its process is gone"
            return self._fault
        self._ready = True
        return answer


def _serve_policy(pipe: Connection, build_policy: Callable[[], Policy]) -> None:
    """Builds a policy, and answers questions until None comes."""
    policy = build_policy()
    pipe.send("ready")
    try:
        while (query := pipe.recv()) is not None:
            try:
                pipe.send(policy.propose([query])[0])
            except Exception as error:
                pipe.send(f"{type(error).__name__}: {error}")
    except (EOFError, KeyboardInterrupt):
        pass  # The control loop is gone.
    finally:
        policy.close()
