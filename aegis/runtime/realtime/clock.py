"""Clock: time as a part that can be exchanged; the real one sleeps, that of the tests jumps."""

from __future__ import annotations

import ctypes
import time
from typing import Protocol

from aegis.core.types import Nanos

_NANOS = 1_000_000_000
_CLOCK_MONOTONIC, _TIMER_ABSTIME, _EINTR = 1, 1, 4


class Clock(Protocol):
    """Time that never goes back."""

    def read_time(self) -> Nanos:
        """Returns the time [ns]; its zero means nothing."""
        ...

    def sleep_until(self, deadline: Nanos) -> None:
        """Returns at a time [ns], or at once if it is over."""
        ...


class Alarm(Protocol):
    """Something that may not wait for the next deadline."""

    def wait_until(self, deadline: Nanos) -> bool:
        """Waits for an alarm until a time [ns], and returns whether one came before."""
        ...


class _TimeSpec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanos", ctypes.c_long))


class MonotonicClock:
    """Linux's monotonic clock, with absolute deadlines, so that delays do not add up."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)

    def read_time(self) -> Nanos:
        """Returns the time since the machine started [ns]."""
        return time.monotonic_ns()

    def sleep_until(self, deadline: Nanos) -> None:
        """Returns at a time [ns], or at once if it is over."""
        wanted = _TimeSpec(deadline // _NANOS, deadline % _NANOS)
        pointer = ctypes.byref(wanted)
        while self._libc.clock_nanosleep(_CLOCK_MONOTONIC, _TIMER_ABSTIME, pointer, None) == _EINTR:
            pass  # A signal woke us; the deadline stands.
