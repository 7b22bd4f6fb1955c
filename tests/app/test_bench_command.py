"""`aegis bench` without and with a wrong name, and its figures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aegis.app.main import main


def test_without_a_name_it_lists_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--json"]) == 0
    names = json.loads(capsys.readouterr().out)["benchmarks"]
    assert names == [
        "step",
        "render",
        "rollout",
        "study",
        "portable",
        "gate",
        "realtime",
        "inference",
        "vla",
    ]


def test_unknown_names(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "stp", "--json"]) == 2
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["kind"] == "UnknownNameError"
    assert "step" in error["message"]


def test_figures_without_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["bench", "figures", "--json"]) == 2
    assert "aegis bench step" in json.loads(capsys.readouterr().out)["error"]["message"]
    assert not (tmp_path / "docs").exists()
