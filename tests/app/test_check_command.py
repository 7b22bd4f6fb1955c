"""`aegis check`: says what keeps its promises, and stops at what does not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aegis.app.main import main

CONFIG = """
env: {_target_: tests.fakes.ToyWorld, horizon: 60}
start: {family: wide, split: test, offset: 0}
weak: {_target_: tests.fakes.ToyPolicy, name: weak, weak: true, cameras: {eye: [8, 8]}}
strong: {_target_: tests.fakes.ToyPolicy, name: strong, weak: false}
detector: {_target_: tests.fleet.toyrun.TrunkDetector}
gate: {_target_: aegis.gates.conformal.ConformalGate, threshold: 1.0}
switch: {_target_: aegis.gates.switch.HysteresisSwitch, release: 0.5}
first: weak
patience: 3
seed: 0
tasks: [0, 1]
trusted: [tests]
"""


@pytest.fixture
def configs(tmp_path: Path) -> str:
    (tmp_path / "run.yaml").write_text(CONFIG)
    return str(tmp_path)


def test_a_sound_configuration(configs: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--config-dir", configs, "--json"]) == 0
    text = capsys.readouterr()
    assert json.loads(text.out)["checked"] == {
        "gate": "ConformalGate",
        "switch": "HysteresisSwitch",
        "world": "ToyWorld",
        "weak": "ToyPolicy",
        "detector": "TrunkDetector",
        "strong": "ToyPolicy",
    }
    assert "   ok  world     ToyWorld: repeatable;" in text.err
    assert "all parts conform to aegis/core/protocols.py" in text.err


def test_a_broken_part(configs: str, capsys: pytest.CaptureFixture[str]) -> None:
    broken = "strong._target_=tests.fleet.toyrun.SharedDraws"
    assert main(["check", "--config-dir", configs, broken]) == 2
    text = capsys.readouterr()
    assert "ok  detector" in text.out
    assert "ok  strong" not in text.out
    assert "Policy.propose of SharedDraws: asked again, it answers the same." in text.err


def test_show(configs: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--config-dir", configs, "--show"]) == 0
    assert "tests.fakes.ToyWorld" in capsys.readouterr().out
