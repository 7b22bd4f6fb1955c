"""A handle knows the process in which it was made."""

import os

import pytest

from aegis.core.errors import MachineError
from aegis.host.forks import ProcessGuard


def test_a_fork_is_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    guard = ProcessGuard("OpenGL", "Or draw later.")
    guard.require_same_process()
    monkeypatch.setattr(os, "getpid", lambda: -1)
    with pytest.raises(MachineError, match=r"OpenGL was in use .*spawn.*Or draw later\."):
        guard.require_same_process()
