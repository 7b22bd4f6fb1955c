"""Processes of a test: who is whose child, and their end."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path


def await_end(pids: Sequence[int], patience: float) -> list[int]:
    """Waits for the end of processes; kills those that stay, and returns them."""
    end = time.monotonic() + patience
    while (left := [pid for pid in pids if is_running(pid)]) and time.monotonic() < end:
        time.sleep(0.05)
    for pid in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return left


def is_running(pid: int) -> bool:
    """Returns whether a process exists and is no zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def list_children(parent: int) -> list[int]:
    """Returns the numbers of the children of a process, the oldest first."""
    found = []
    for threads in Path(f"/proc/{parent}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += [int(pid) for pid in threads.read_text().split()]
    return sorted(found)


def list_descendants(parent: int) -> list[int]:
    """Returns the numbers of all processes below a process."""
    children = list_children(parent)
    return children + [pid for child in children for pid in list_descendants(child)]


def read_command(pid: int) -> bytes:
    """Returns the command line of a process; empty if it is gone."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""
