"""The code in the README runs as it stands."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

README = Path(__file__).resolve().parents[2] / "README.md"
_BLOCK = re.compile(r"^```(?:python|yaml)\n# (\S+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks() -> dict[str, str]:
    """Returns the files that the README shows."""
    return dict(_BLOCK.findall(README.read_text()))


def aegis(command: str, place: Path) -> dict[str, Any]:
    run = subprocess.run(
        [sys.executable, "-m", "aegis.app.main", command, "--config-dir", "configs", "--json"],
        cwd=place,
        env={**os.environ, "PYTHONPATH": "."},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    answer = json.loads(run.stdout)
    assert isinstance(answer, dict)
    return answer


def test_files_of_ones_own_run_behind_the_controller(tmp_path: Path) -> None:
    for path, text in blocks().items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    assert set(aegis("check", tmp_path)["checked"].values()) >= {"Hover", "Stuck", "Reach"}
    answer = aegis("run", tmp_path)
    assert answer["episodes"] == 4
    assert answer["fires_per_episode"] >= 1, "an arm that hovers is stuck, so the gate hands over"


@pytest.mark.parametrize("path", ["my_policy.py", "my_detector.py", "my_world.py"])
def test_each_takes_some_fifteen_lines(path: str) -> None:
    lines = [line for line in blocks()[path].splitlines() if line.strip()]
    assert len(lines) <= 17


def test_links_lead_somewhere() -> None:
    for link in re.findall(r"\]\((?!http)([^)#]+)\)", README.read_text()):
        if link != "docs/images/monitor.svg":  # Made from a real study.
            assert (README.parent / link).exists(), link


def test_commands_exist() -> None:
    from aegis.app.command import COMMAND_SUMMARIES

    named = set(re.findall(r"^aegis (\w+)", README.read_text(), re.MULTILINE))
    assert named == set(COMMAND_SUMMARIES)
