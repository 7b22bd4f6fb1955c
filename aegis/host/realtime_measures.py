"""Real-time measures: what a process asks of Linux so that it wakes up in time, and what it got."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
from collections.abc import Iterator, Mapping

# Locked when they are touched: shared memory is laid out wide and mostly never used.
_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT, _PR_SET_TIMERSLACK = 1, 2, 4, 29
_DEFAULT_SLACK = 0
"""Tells Linux to use the slack of the parent process again."""


@contextlib.contextmanager
def request_measures(priority: int | None, core: int | None) -> Iterator[Mapping[str, str]]:
    """Asks for real-time scheduling while the context is open.

    Args:
        priority: Priority of the FIFO scheduler, from 1 to 99; None asks for nothing at all.
        core: Core to stay on; None for any.

    Yields:
        Measure to ``granted`` or why not: ``fifo``, ``core``, ``memory`` (locked), ``slack`` (of
        timers), ``gc`` (frozen and off).
    """
    if priority is None:
        yield {}
        return
    libc = ctypes.CDLL(None, use_errno=True)
    scheduler, given = os.sched_getscheduler(0), os.sched_getparam(0)
    cores = os.sched_getaffinity(0)
    collecting = gc.isenabled()
    got = {
        "fifo": _try(lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))),
        "core": _try(lambda: os.sched_setaffinity(0, cores if core is None else {core})),
        "memory": _name_result(libc.mlockall(_MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT)),
        "slack": _name_result(libc.prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0)),
        "gc": "granted",
    }
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield got
    finally:
        gc.unfreeze()
        if collecting:
            gc.enable()
        libc.prctl(_PR_SET_TIMERSLACK, _DEFAULT_SLACK, 0, 0, 0)
        libc.munlockall()
        os.sched_setaffinity(0, cores)
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, scheduler, given)


def _try(measure: object) -> str:
    assert callable(measure)
    try:
        measure()
    except OSError as error:
        return error.strerror or str(error)
    return "granted"


def _name_result(result: int) -> str:
    return os.strerror(ctypes.get_errno()) if result else "granted"
