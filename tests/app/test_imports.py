"""The rooms import in one direction, and importing any of them does nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import aegis
import envs
import policies

ROOT = Path(__file__).resolve().parents[2]


def test_import_contracts_are_kept() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    run = subprocess.run(
        [lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout


def test_packages_are_those_of_this_repository() -> None:
    # Other wheels ship packages called "envs"; ours must win.
    for package in (aegis, envs, policies):
        assert Path(str(package.__file__)).is_relative_to(ROOT)


def test_help_needs_no_heavy_package() -> None:
    code = (
        "import sys; from aegis.app.main import main; assert main(['--help']) == 0;"
        "heavy = {'torch', 'mujoco', 'sklearn', 'hydra', 'libero'} & set(sys.modules);"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
