"""What the checks of the tiers ask: which modules import, what a command answers."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import io
import json
import pkgutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import aegis
from aegis.app.main import main


def check_installed() -> None:
    """Checks that AEGIS comes from an environment, not from a folder with its sources."""
    assert "site-packages" in Path(aegis.__file__).parts, aegis.__file__
    assert not any(Path(name).exists() for name in ("aegis", "envs", "policies", "configs"))


def check_missing(modules: Iterable[str]) -> None:
    """Checks that an environment is as small as it says."""
    for module in modules:
        assert importlib.util.find_spec(module) is None, f"{module} is installed"


def import_rooms(*names: str) -> None:
    """Imports modules, and all that lies in those that are packages."""
    for name in names:
        module = importlib.import_module(name)
        for info in pkgutil.walk_packages(getattr(module, "__path__", ()), f"{name}."):
            importlib.import_module(info.name)


def type_in(*words: str, code: int = 0) -> dict[str, Any]:
    """Types a command with ``--json``; returns its answer."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        got = main([*words, "--json"])
    assert got == code, f"aegis {' '.join(words)}: {got}\n{err.getvalue()}\n{out.getvalue()}"
    answer = json.loads(out.getvalue())
    assert isinstance(answer, dict)
    return answer


def check_refused(extra: str, *words: str) -> None:
    """Checks that a command names the extra that it lacks."""
    message = type_in(*words, code=3)["error"]["message"]
    assert f'pip install "aegis-escalation[{extra}]"' in message, message
