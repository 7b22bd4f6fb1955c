"""Who must not wait for scipy.stats does not load it: workers, monitor, the command line."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("scipy", "sklearn", "statsmodels", "pandas")


@pytest.mark.parametrize(
    "module",
    ["aegis.fleet.worker", "aegis.monitor.panel", "aegis.app.commands.run", "aegis.app.main"],
)
def test_they_load_no_statistics_library(module: str) -> None:
    code = (
        f"import sys, {module}\n"
        f"found = sorted(name for name in sys.modules if name.split('.')[0] in {HEAVY})\n"
        "sys.exit(', '.join(found[:5]) or 0)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
