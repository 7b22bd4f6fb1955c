"""The README: its code runs as it stands, its links lead somewhere, and it stays short."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from aegis.app.command import COMMAND_SUMMARIES
from tests.docs.tutorials import REPOSITORY, Block, run_block

README = REPOSITORY / "README.md"
_FILES = re.compile(r"^```(?:python|yaml)\n# (\S+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"^```.*?^```\n", re.MULTILINE | re.DOTALL)
_NETWORK = """
import numpy as np

def predict(pictures, noise):
    assert pictures.shape[1:] == (128, 128, 3)
    actions = np.tanh(noise[:, 0]).astype(np.float32)
    return actions, np.repeat(pictures.mean((1, 2, 3))[:, None], 64, axis=1).astype(np.float32)
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with the files that the README shows, beside what it takes for granted."""
    # The README is read in the repository's folder.
    shutil.copytree(REPOSITORY / "configs", tmp_path / "configs")
    (tmp_path / "policies").symlink_to(REPOSITORY / "policies")
    for path, text in _FILES.findall(README.read_text(encoding="utf-8")):
        (tmp_path / path).write_text(text, encoding="utf-8")
    (tmp_path / "my_network.py").write_text(_NETWORK, encoding="utf-8")
    return tmp_path


def run(place: Path, command: str) -> subprocess.CompletedProcess[str]:
    return run_block(Block("bash", "", f"export PYTHONPATH=.\n{command}"), place)


def commands() -> list[str]:
    text = README.read_text(encoding="utf-8")
    return re.findall(r"^aegis .*?(?=\s+#|$)", text, re.MULTILINE)


def find_command(verb: str) -> str:
    return next(one for one in commands() if one.startswith(f"aegis {verb} "))


def test_ones_own_policy_keeps_its_promises(place: Path) -> None:
    done = run(place, find_command("check"))
    assert done.returncode == 0, done.stderr
    assert "MyPolicy" in done.stdout


def test_ones_own_policy_is_collected_from(place: Path) -> None:
    done = run(place, f"{find_command('collect')} units=2 tasks=[0] env.horizon=20 workers=1")
    assert done.returncode == 0, done.stderr
    assert "activations of last_layer" in done.stdout


def test_commands_exist() -> None:
    assert commands()
    assert {one.split()[1] for one in commands()} <= set(COMMAND_SUMMARIES)


def test_links_lead_somewhere() -> None:
    for link in re.findall(r"\]\((?!http)([^)#]+)\)", README.read_text(encoding="utf-8")):
        assert (REPOSITORY / link).exists(), link


def test_it_is_read_in_two_minutes() -> None:
    text = _CODE.sub("", README.read_text(encoding="utf-8"))
    assert len([line for line in text.splitlines() if line.strip()]) <= 120


def test_the_policy_takes_some_twelve_lines() -> None:
    code = dict(_FILES.findall(README.read_text(encoding="utf-8")))["my_policy.py"]
    lines = [line for line in code.splitlines() if line.strip() and "import" not in line]
    assert len(lines) <= 12
