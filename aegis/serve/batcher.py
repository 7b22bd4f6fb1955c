"""Batcher: gathers what clients ask one policy at about the same time into one inference."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from functools import partial
from typing import Protocol, TypeAlias, runtime_checkable

from aegis.core.answers import check_answer_count
from aegis.core.errors import MachineError
from aegis.core.protocols import Policy, Query
from aegis.core.types import Proposal
from aegis.serve.policy_thread import PolicyThread

_Waiting: TypeAlias = tuple[Query, asyncio.Future[Proposal | None]]
_Answer: TypeAlias = Proposal | Exception | None
_LARGEST_BATCH = 16
"""Rows per inference of a policy that does not say how many it takes."""
_LONGEST_GATHERING = 5
"""A batch is gathered for at most as many waits."""


@runtime_checkable
class Batched(Protocol):
    """A policy that infers on batches of certain sizes."""

    @property
    def sizes(self) -> tuple[int, ...]:
        """Rows per inference, ascending."""
        ...


class QueryBatcher:
    """One policy, in a thread of its own, for clients that know nothing of each other.

    Args:
        policy: It answers; whoever built it closes it.
        wait: Time from one question to the next within which both join one batch [s].
        count_idle: Returns how many connections could bring another question: where there is none,
            nothing is waited for.
    """

    def __init__(self, policy: Policy, wait: float, count_idle: Callable[[], int]) -> None:
        self._policy, self._wait, self._count_idle = policy, wait, count_idle
        self._most = policy.sizes[-1] if isinstance(policy, Batched) else _LARGEST_BATCH
        self._waiting: list[_Waiting] = []
        self._arrived = asyncio.Event()
        self._asked: list[_Waiting] = []
        self._fault: MachineError | None = None
        self._thinking: Future[list[_Answer]] | None = None
        self._thread = PolicyThread(policy.spec.name)
        self.sizes: Counter[int] = Counter()

    async def ask_policy(self, query: Query) -> Proposal | None:
        """Returns the proposal for a query; None where the policy gave none.

        Raises:
            Exception: What the policy raised for this very query.
            MachineError: If the policy answers nobody any more.
        """
        if self._fault is not None:
            raise self._fault
        done: asyncio.Future[Proposal | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((query, done))
        self._arrived.set()
        return await done

    async def answer_queries(self) -> None:
        """Answers until it is cancelled; whatever ends it, nobody waits for ever.

        Raises:
            MachineError: If the policy ended the program, rather than a question.
        """
        name = self._policy.spec.name
        fault = MachineError(f"The server ended before policy '{name}' answered. Start it again.")
        try:
            await self._answer_batches()
        except Exception as error:
            said = f"{type(error).__name__}: {error}"
            fault = MachineError(f"Policy '{name}' broke off ({said}). Start the server again.")
            raise fault from error
        finally:
            self._fault = fault
            for _, done in [*self._asked, *self._waiting]:
                if not done.done():
                    done.set_exception(fault)

    async def _answer_batches(self) -> None:
        """Answers one batch after the other."""
        loop = asyncio.get_running_loop()
        while True:
            await self._gather(loop)
            batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            # Whoever has gone meanwhile needs no answer.
            self._asked = [(query, done) for query, done in batch if not done.done()]
            if not self._asked:
                continue
            self.sizes[len(self._asked)] += 1
            queries = [query for query, _ in self._asked]
            self._thinking = self._thread.submit_job(partial(self._answer_batch, queries))
            answers = await asyncio.wrap_future(self._thinking)
            for (_, done), answer in zip(self._asked, answers, strict=True):
                if done.done():
                    continue
                if isinstance(answer, Exception):
                    done.set_exception(answer)
                else:
                    done.set_result(answer)

    def close(self, patience: float) -> bool:
        """Ends the thread; returns whether the policy is idle.

        Args:
            patience: How long an inference that is at hand is waited for [s].
        """
        self._thread.end_thread()
        return self._thinking is None or not wait([self._thinking], patience).not_done

    async def _gather(self, loop: asyncio.AbstractEventLoop) -> None:
        """Waits until there is something to answer and nobody else is about to ask."""
        until = None
        while not self._waiting or (len(self._waiting) < self._most and self._count_idle()):
            self._arrived.clear()
            if not self._waiting:
                await self._arrived.wait()
                until = loop.time() + _LONGEST_GATHERING * self._wait
                continue
            if until is None:
                until = loop.time() + _LONGEST_GATHERING * self._wait
            try:
                left = min(self._wait, until - loop.time())
                await asyncio.wait_for(self._arrived.wait(), max(left, 0.0))
            except TimeoutError:
                return

    def _answer_batch(self, queries: Sequence[Query]) -> list[_Answer]:
        """Answers a batch; where it fails, each question alone, so that one harms no other.

        Raises:
            MachineError: If the policy raised what is no ``Exception``, such as ``SystemExit`` or a
                panic of a library; asyncio would not hand it on.
        """
        try:
            answers = self._policy.propose(queries)
            check_answer_count(self._policy, len(queries), answers)
            return list(answers)
        except Exception as error:
            if len(queries) == 1:
                return [error]
        except BaseException as error:
            raise MachineError(f"{type(error).__name__}: {error}") from error
        return [self._answer_batch([query])[0] for query in queries]
