"""Signals: SIGTERM and Ctrl-C end a run in order instead of in the middle."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType


@contextlib.contextmanager
def catch_signals(over: threading.Event) -> Iterator[None]:
    """Sets an event when the process is told to end.

    Args:
        over: The event.
    """

    def end(number: int, frame: FrameType | None) -> None:
        del number, frame
        over.set()

    before = {one: signal.signal(one, end) for one in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
