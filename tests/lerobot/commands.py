"""LeRobot's own commands, typed: the functions behind them, with plug-ins found as usual."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def type_lerobot(place: Path, command: str, *flags: str) -> None:
    """Runs a command of LeRobot in this process, since every start of it takes half a minute.

    Args:
        place: Folder that it runs in.
        command: For example ``lerobot-eval``.
        flags: What is typed behind it.
    """
    from importlib.metadata import entry_points

    (script,) = entry_points(group="console_scripts", name=command)
    main = script.load()
    with pytest.MonkeyPatch.context() as patch, keep_signals():
        patch.chdir(place)
        patch.setattr(sys, "argv", [command, *flags])
        main()


@contextmanager
def keep_signals() -> Iterator[None]:
    """Gives signals back to pytest, which LeRobot's commands take for themselves."""
    taken = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
    before = {number: signal.getsignal(number) for number in taken}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
