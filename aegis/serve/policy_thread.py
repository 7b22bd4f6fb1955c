"""Policy thread: where a policy thinks; a process can end under it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

_T = TypeVar("_T")


class PolicyThread:
    """One thread for all inferences of a policy, since libraries keep state per thread.

    Unlike the threads of ``concurrent.futures`` it is a daemon: an inference that never returns
    does not keep the process.

    Args:
        name: Name of the policy.
    """

    def __init__(self, name: str) -> None:
        self._jobs: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        threading.Thread(target=self._work, name=f"policy-{name}", daemon=True).start()

    def submit_job(self, job: Callable[[], _T]) -> Future[_T]:
        """Returns what will hold the result of a job, or what it raised."""
        future: Future[_T] = Future()
        self._jobs.put((future, job))
        return future

    def end_thread(self) -> None:
        """Ends the thread as soon as the jobs at hand are done."""
        self._jobs.put(None)

    def _work(self) -> None:
        while (given := self._jobs.get()) is not None:
            future, job = given
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(job())
            except BaseException as error:
                future.set_exception(error)
            # Neither the last question nor its answer is kept until the next one comes.
            del given, future, job
