"""Pool: starts worker processes, listens to all of them, and replaces those that die."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import MappingProxyType

from aegis.core.errors import ConfigError, MachineError
from aegis.core.protocols import World
from aegis.fleet.messages import (
    DescribeRenderer,
    FromWorker,
    RendererDescription,
    RunSetup,
    ToWorker,
)
from aegis.fleet.worker import main
from aegis.host.child_process import build_thread_environment, set_environment
from aegis.runtime.shared_images import SharedImages


@dataclass(slots=True, eq=False)
class _Member:
    process: BaseProcess
    connection: Connection[ToWorker, FromWorker]
    images: SharedImages


class WorkerPool:
    """Workers that live from the first run that needs them until the context ends.

    Args:
        world: Builds a world; must pickle, as ``functools.partial`` of a class does.
        limit: Largest number of workers.
        dispatch: Environment variables that hold their libraries still; see
            ``aegis.host.dispatch``.

    Raises:
        ConfigError: If the limit is below 1.
    """

    def __init__(
        self,
        world: Callable[[], World],
        limit: int,
        dispatch: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        if limit < 1:
            raise ConfigError(f"workers must be at least 1. Got: {limit}.")
        self._world = world
        self._limit = limit
        self._environment = {**build_thread_environment(1), **dispatch}
        self._setup: RunSetup | None = None
        # Spawned, not forked: a forked copy of threads, locks and GL contexts does not work.
        self._context = multiprocessing.get_context("spawn")
        self._members: list[_Member] = []

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def size(self) -> int:
        """Number of workers that live now."""
        return len(self._members)

    @property
    def pids(self) -> tuple[int, ...]:
        """Process ids of the workers."""
        return tuple(member.process.pid or 0 for member in self._members)

    def prepare_run(self, setup: RunSetup, jobs: int) -> None:
        """Tells all workers what the next run is about; starts those that are missing.

        Args:
            setup: What it is about.
            jobs: Units to come; no more workers than that are started.
        """
        # Shared memory cannot grow under processes that have it mapped, so they start anew.
        if self._members and setup.image_bytes > min(
            member.images.size for member in self._members
        ):
            self.close()
        self._setup = setup
        for worker in range(self.size):
            self.send_message(worker, setup)
        while self.size < min(self._limit, jobs):
            self._members.append(self._start_worker())

    def send_message(self, worker: int, message: ToWorker) -> None:
        """Sends a message; if the worker is dead, ``receive_messages`` will say so."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._members[worker].connection.send(message)

    def ask_renderer(self, retries: int) -> str:
        """Asks a worker what draws its pictures; to be called before there is other work.

        Args:
            retries: How often another worker is asked if one dies of the question.

        Returns:
            Names of driver and version; empty without pictures.

        Raises:
            MachineError: If all of them die.
        """
        for _ in range(retries + 1):
            self.send_message(0, DescribeRenderer())
            answer = self._await_answer()
            if answer is not None:
                return answer
        raise MachineError(
            "Simulator processes die as they start or open the graphics library. `aegis doctor` "
            "looks for the cause; a script of your own must start runs under "
            "`if __name__ == '__main__':`."
        )

    def _await_answer(self) -> str | None:
        """Waits for the answer of the first worker; None if it died."""
        while True:
            for worker, message in self.receive_messages(timeout=1.0):
                if isinstance(message, RendererDescription):
                    return message.text
                if message is None and worker == 0:
                    return None

    def get_images(self, worker: int) -> SharedImages:
        """Returns the buffer in which a worker's pictures lie."""
        return self._members[worker].images

    def receive_messages(
        self, timeout: float, bell: Connection[None, None] | None = None
    ) -> list[tuple[int, FromWorker | None]]:
        """Returns all that arrived; None stands for the death of a worker, which is replaced.

        Args:
            timeout: How long to wait for a first message [s].
            bell: Ends the wait, too; it is not read.
        """
        numbers = {id(member.connection): i for i, member in enumerate(self._members)}
        heard: list[tuple[int, FromWorker | None]] = []
        bells = [] if bell is None else [bell]
        for ready in wait([*(member.connection for member in self._members), *bells], timeout):
            if ready is bell:
                continue
            worker = numbers[id(ready)]
            try:
                # `wait` promises one message; what else has come already is taken along without
                # waiting.
                while not heard or heard[-1][0] != worker or self._get_connection(worker).poll():
                    heard.append((worker, self._get_connection(worker).recv()))
            except (EOFError, ConnectionResetError, BrokenPipeError):
                heard.append((worker, None))
                self._end_worker(self._members[worker])
                self._members[worker] = self._start_worker()
        return heard

    def close(self) -> None:
        """Ends all workers: they go when their connection closes, else they are killed."""
        # All connections first, so that workers end side by side and not one after the other.
        for member in self._members:
            member.connection.close()
        for member in self._members:
            self._end_worker(member)
        self._members.clear()

    def _get_connection(self, worker: int) -> Connection[ToWorker, FromWorker]:
        return self._members[worker].connection

    def _start_worker(self) -> _Member:
        ours, theirs = self._context.Pipe()
        # Anonymous shared memory: whatever kills the processes, nothing of it stays behind.
        buffer = self._context.RawArray("B", max(1, self._setup.image_bytes if self._setup else 0))
        process = self._context.Process(
            target=main, args=(theirs, self._world, buffer), daemon=True
        )
        with set_environment(self._environment), ignore_sigint():
            process.start()
        # Our copy of the worker's end: while it is open, the connection outlives the worker, and
        # its death is not noticed.
        theirs.close()
        if self._setup is not None:
            ours.send(self._setup)
        return _Member(process, ours, SharedImages(buffer))

    def _end_worker(self, member: _Member) -> None:
        member.connection.close()
        # A worker notices the end when it next listens. What it has written is whole files, so one
        # that does not come to listen may be killed.
        member.process.join(2)
        if member.process.is_alive():
            member.process.kill()
            member.process.join()


@contextlib.contextmanager
def ignore_sigint() -> Iterator[None]:
    """Ignores Ctrl-C while processes start: they inherit that, and leave it to the main process."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
