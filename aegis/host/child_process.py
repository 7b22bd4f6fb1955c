"""Child process: runs a function where libraries are loaded under environment variables of ours."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from typing import TypeVar

from aegis.core.errors import MachineError

_T = TypeVar("_T")


@contextlib.contextmanager
def set_environment(values: Mapping[str, str]) -> Iterator[None]:
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


def build_thread_environment(threads: int) -> dict[str, str]:
    """Returns the environment that keeps numerical libraries to so many threads per process."""
    names: Sequence[str] = (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "NUMEXPR_NUM_THREADS",
        "NUMBA_NUM_THREADS",
    )
    return dict.fromkeys(names, str(threads))


END = "end"
"""What a pipe says to a process that is to end."""


def is_told_to_end(pipe: Connection) -> bool:
    """Returns whether a process is to end; it is when nobody is there who could tell it.

    Args:
        pipe: The process's end of the pipe on which ``END`` comes.
    """
    try:
        return pipe.poll() and pipe.recv() == END
    except (EOFError, OSError):
        return True


def call_in_child(function: Callable[[], _T], environment: Mapping[str, str]) -> _T:
    """Calls a function in a process of its own, which starts with environment variables.

    Libraries that choose kernels when they are loaded have chosen in this process already; in a
    new one they obey the variables.

    Args:
        function: The function; it, what it returns and what it raises must pickle.
        environment: Environment variables, besides those of this process.

    Raises:
        MachineError: If the process dies.
    """
    with open_child_pool(1, environment) as pool:
        return pool.submit(function).result()


@contextlib.contextmanager
def open_child_pool(
    workers: int, environment: Mapping[str, str], prepare: Callable[[], object] | None = None
) -> Iterator[ProcessPoolExecutor]:
    """Opens a pool of processes that start with environment variables; all start at once.

    Args:
        workers: Number of processes.
        environment: Environment variables, besides those of this process.
        prepare: What each process calls when it starts; must pickle.

    Raises:
        MachineError: If a process dies, and the caller does not catch it.
    """
    spawn = multiprocessing.get_context("spawn")
    start = (spawn.Barrier(workers), prepare)
    try:
        with ProcessPoolExecutor(workers, spawn, _start_child, start) as pool:
            with set_environment(environment):
                # A job starts a process where none is idle, and none is before all have started.
                for _ in range(workers):
                    pool.submit(_do_nothing)
            yield pool
    except BrokenProcessPool as error:
        raise MachineError(
            "A child process died. Is the memory full, or is the graphics library broken? "
            "`aegis doctor` looks for the cause."
        ) from error


def _start_child(all_started: Barrier, prepare: Callable[[], object] | None) -> None:
    all_started.wait()
    if prepare is not None:
        prepare()


def _do_nothing() -> None:
    """Starts a process of a pool."""
