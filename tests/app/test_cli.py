"""The command line: help, mistakes, exit codes, and JSON."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version

import pytest

from aegis.app.command import COMMAND_SUMMARIES, load_command
from aegis.app.main import main
from aegis.core.errors import CalibrationError


@pytest.mark.parametrize("name", COMMAND_SUMMARIES)
def test_every_command_has_help_with_examples(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([name, "--help"]) == 0
    text = capsys.readouterr().out
    assert f"usage: aegis {name}" in text
    assert "examples:" in text
    assert "exit codes:" in text
    assert "--json" in text
    assert len(load_command(name).examples) >= 2
    assert all(line.partition("aegis ")[1] for line, _ in load_command(name).examples)


def test_no_command_prints_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    text = capsys.readouterr().out
    assert all(name in text for name in COMMAND_SUMMARIES)


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"aegis {version('aegis-escalation')}\n"


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("stuyd", "Unknown command 'stuyd' in aegis. Did you mean 'study'?"),
        ("--verzion", "Unknown option '--verzion' in aegis. Did you mean '--version'?"),
        ("run gat=blind", "Unknown key 'gat' in the configuration. Did you mean 'gate'?"),
        ("run gate=blnd", "Unknown gate 'blnd'"),
        ("run gate.treshold=0.3", "Unknown key 'treshold' in gate. Did you mean 'threshold'?"),
        ("run env.horizn=3", "Unknown key 'horizn' in env. Did you mean 'horizon'?"),
        ("run --jsn", "Unknown option '--jsn' in aegis run. Did you mean '--json'?"),
        ("run policy@wek=expert", "Unknown part 'wek' in 'policy@wek=expert'. Did you mean 'weak'"),
        ("run weak=exprt", "Unknown policy 'exprt'"),
        ("study arm=[weak,aegs]", "Unknown arm 'aegs'"),
        ("run +more=3", "'+more=3': only key=value is allowed"),
        ("run ~gate", "'~gate': only key=value is allowed"),
        ("run seed=1,2", "'seed=1,2': only key=value is allowed"),
        ("run tasks=[", "Cannot read 'tasks=['"),
        ("run units.x=3", "'units' is a value and holds no keys"),
        ("run --config-dir", "expected one argument"),
        ("run --config-dir nowhere", "No configurations in nowhere"),
        ("monitor nosuch", "Unknown run 'nosuch'"),
    ],
)
def test_a_mistake_is_named(typed: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(typed.split()) == 2
    text = capsys.readouterr()
    assert says in text.err
    assert "Traceback" not in text.err
    assert text.out == ""


def test_a_mistake_is_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "gate=blnd", "--json"]) == 2
    answer = json.loads(capsys.readouterr().out)
    assert answer["exit_code"] == 2
    assert answer["error"]["kind"] == "UnknownNameError"
    assert "Did you mean 'blind'" in answer["error"]["message"]


@pytest.mark.parametrize(
    ("error", "code"),
    [(CalibrationError("no"), 4), (KeyboardInterrupt(), 130), (ZeroDivisionError("x"), 5)],
)
def test_exit_codes(
    error: BaseException,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("aegis.app.main.parse_arguments", fail)
    assert main(["run"]) == code
    assert "aegis run:" in capsys.readouterr().err


def test_show_prints_what_would_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "seed=3", "gate=blind", "--show"]) == 0
    text = capsys.readouterr().out
    assert "seed: 3" in text
    assert "aegis.gates.schedule.ScheduleGate" in text


def test_python_m_aegis_is_the_command_line() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "aegis", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"aegis {version('aegis-escalation')}\n"
