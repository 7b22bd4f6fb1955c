"""Pool: starts worker processes, listens to all of them, and replaces those that die."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import cast

from aegis.run.wire import FromWorker, ToWorker
from aegis.run.worker import Recipe, limits, main


@dataclass(slots=True, eq=False)
class _Member:
    process: BaseProcess
    connection: Connection[ToWorker, FromWorker]


class Pool:
    """A fixed number of workers; use as a context.

    Args:
        recipe: What every worker must know.
        size: Number of workers.
    """

    def __init__(self, recipe: Recipe, size: int) -> None:
        self._recipe = recipe
        self.size = size
        # Spawned, not forked: a forked copy of threads, locks and GL contexts does not work.
        self._context = multiprocessing.get_context("spawn")
        self._members: list[_Member] = []

    def __enter__(self) -> Pool:
        try:
            for _ in range(self.size):
                self._members.append(self._start())
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, worker: int, message: ToWorker) -> None:
        """Sends a message; if the worker is dead, ``hear`` will say so."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._members[worker].connection.send(message)

    def hear(self, timeout: float) -> list[tuple[int, FromWorker | None]]:
        """Returns all that arrived; None stands for the death of a worker, which is replaced.

        Args:
            timeout: How long to wait for a first message [s].
        """
        numbers = {id(member.connection): i for i, member in enumerate(self._members)}
        heard: list[tuple[int, FromWorker | None]] = []
        for ready in wait([member.connection for member in self._members], timeout):
            worker = numbers[id(ready)]
            try:
                while not heard or heard[-1][0] != worker or self._connection(worker).poll():
                    heard.append((worker, self._connection(worker).recv()))
            except (EOFError, ConnectionResetError, BrokenPipeError):
                heard.append((worker, None))
                self._end(self._members[worker])
                self._members[worker] = self._start()
        return heard

    def pids(self) -> list[int]:
        """Returns the process numbers of the workers."""
        return [cast(int, member.process.pid) for member in self._members]

    def close(self) -> None:
        """Ends all workers: they go when their connection closes, else they are killed."""
        for member in self._members:
            member.connection.close()
        for member in self._members:
            self._end(member)
        self._members.clear()

    def _connection(self, worker: int) -> Connection[ToWorker, FromWorker]:
        return self._members[worker].connection

    def _start(self) -> _Member:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=main, args=(theirs, self._recipe), daemon=True)
        with environment(limits(1)):
            process.start()
        theirs.close()
        return _Member(process, ours)

    def _end(self, member: _Member) -> None:
        member.connection.close()
        member.process.join(2)
        if member.process.is_alive():
            member.process.kill()
            member.process.join()


@contextlib.contextmanager
def environment(values: dict[str, str]) -> Iterator[None]:
    """Sets environment variables for processes started inside."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
