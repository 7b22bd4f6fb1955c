"""Keyboard: single keys of a terminal, without waiting for a line."""

from __future__ import annotations

import contextlib
import os
import select
import sys
import termios
import tty
from collections.abc import Iterator

_NAMES = {
    "\x1b[A": "up", "\x1b[B": "down", "\x1b[C": "right", "\x1b[D": "left", " ": "space",
    "\x03": "q",
}  # fmt: skip


class Keyboard:
    """Keys of a terminal.

    Args:
        fd: File descriptor of the terminal; None where there is none.
    """

    def __init__(self, fd: int | None) -> None:
        self._fd = fd

    def wait_for_keys(self, timeout: float) -> list[str]:
        """Returns the keys that are pressed, by name, after at most a while.

        Args:
            timeout: Longest wait [s].
        """
        if self._fd is None:
            select.select([], [], [], timeout)
            return []
        ready, _, _ = select.select([self._fd], [], [], timeout)
        if not ready:
            return []
        return list(_split_keys(os.read(self._fd, 64).decode(errors="ignore")))


@contextlib.contextmanager
def open_keyboard() -> Iterator[Keyboard]:
    """Opens the keyboard of standard input, if that is a terminal."""
    if not sys.stdin.isatty():
        yield Keyboard(None)
        return
    fd = sys.stdin.fileno()
    before = termios.tcgetattr(fd)
    try:
        tty.setcbreak(fd)
        yield Keyboard(fd)
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)


def _split_keys(text: str) -> Iterator[str]:
    while text:
        length = 3 if text.startswith("\x1b[") and len(text) >= 3 else 1
        key, text = text[:length], text[length:]
        yield _NAMES.get(key, key)
