"""`make setup-lerobot` makes the environment again where other settings ask for another one."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
INDEX, PYTHON = "TORCH_INDEX", "PYTHON_LEROBOT"


def plan_setup(place: Path, **settings: str) -> str:
    """Returns what `make setup-lerobot` would do; nothing is done."""
    words = ["make", "--dry-run", "setup-lerobot", f"LEROBOT={place}"]
    environ = {name: text for name, text in os.environ.items() if name not in (INDEX, PYTHON)}
    done = subprocess.run(
        words, cwd=ROOT, env={**environ, **settings}, capture_output=True, text=True, check=True
    )
    return done.stdout


def finish_setup(place: Path, **settings: str) -> None:
    """Leaves behind what a finished set-up leaves."""
    plan = plan_setup(place, **settings)
    assert "scripts/setup_lerobot.sh" in plan
    stamp = Path(plan.split("touch ")[1].split()[0])
    assert stamp.is_relative_to(place)
    stamp.parent.mkdir(exist_ok=True)
    stamp.touch()


@pytest.mark.parametrize(
    "settings",
    [{}, {INDEX: ""}, {INDEX: "https://other.example/whl"}, {PYTHON: "/opt/python3.13/bin/python"}],
)
def test_other_settings_make_another_environment(tmp_path: Path, settings: dict[str, str]) -> None:
    place = tmp_path / "venv"
    finish_setup(place, **settings)
    assert "setup_lerobot.sh" not in plan_setup(place, **settings)
    others: list[dict[str, str]]
    others = [{}, {INDEX: ""}, {INDEX: "https://third.example/whl"}, {PYTHON: "python3.13"}]
    for other in others:
        assert other == settings or "setup_lerobot.sh" in plan_setup(place, **other)
