"""`aegis outcomes`, typed: files of other harnesses in, a report out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.app.typed import type_in
from tests.study.imported.test_reading import write_eval_info, write_recording


def test_a_recording_against_lerobot(tmp_path: Path) -> None:
    write_recording(tmp_path / "a.sqlite", [(0, i, i < 3, None) for i in range(4)])
    write_eval_info(tmp_path / "eval_info.json", {0: [False, False, False, False, True]})
    words = ("outcomes", "a.sqlite", "eval_info.json", "--same-starts", "--out", "compared")
    got = type_in(tmp_path, *words)
    assert got["paired"]
    assert "with LeRobot 0.6.1 and --eval.batch_size=1" in got["said"]
    assert (got["n"], got["only_a"], got["p"]) == (4, 3, 0.25)
    assert (got["b"]["alone"], got["a"]["harness"]) == (1, "vla-eval")
    assert "A − B is" in got["said"]
    stored = json.loads((tmp_path / "compared" / "report.json").read_text(encoding="utf-8"))
    assert stored == {name: value for name, value in got.items() if name in stored}
    assert "## By task" in (tmp_path / "compared" / "report.md").read_text(encoding="utf-8")


def test_lerobot_is_not_paired_unless_told(tmp_path: Path) -> None:
    write_recording(tmp_path / "a.sqlite", [(0, i, i < 3, None) for i in range(4)])
    write_eval_info(tmp_path / "eval_info.json", {0: [False, False, False, False, True]})
    got = type_in(tmp_path, "outcomes", "a.sqlite", "eval_info.json", "--out", "apart")
    assert not got["paired"]
    assert not {"n", "p", "difference", "only_a"} & got.keys()
    assert (got["a"]["success_count"], got["b"]["success_count"]) == (3, 1)
    assert "Not paired" in got["said"]
    assert "does not write which start state" in got["said"]
    page = (tmp_path / "apart" / "report.md").read_text(encoding="utf-8")
    assert "not paired" in page
    # Who writes start states down is paired as before.
    same = type_in(tmp_path, "outcomes", "a.sqlite", "a.sqlite")
    assert (same["paired"], same["n"]) == (True, 4)


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    assert "two results" in type_in(tmp_path, "outcomes", "a.sqlite", code=2)["said"]
    assert "holds no results" in type_in(tmp_path, "outcomes", "a", "b", code=2)["said"]


def test_results_that_share_nothing_are_refused(tmp_path: Path) -> None:
    write_recording(tmp_path / "a.sqlite", [(0, i, True, None) for i in range(4)])
    write_recording(tmp_path / "b.sqlite", [(9, i, True, None) for i in range(4)])
    said = type_in(tmp_path, "outcomes", "a.sqlite", "b.sqlite", code=2)["said"]
    assert "nothing can be compared" in said
    assert "a.sqlite has libero_spatial 0 from 0 to 3" in said


@pytest.mark.parametrize(("task", "start"), [(10, 0), (99, 3), (0, 50)])
def test_what_a_suite_does_not_have_is_refused(tmp_path: Path, task: int, start: int) -> None:
    write_recording(tmp_path / "a.sqlite", [(task, start, True, None)])
    said = type_in(tmp_path, "outcomes", "a.sqlite", "a.sqlite", code=2)["said"]
    assert "of libero_spatial, which has 0 to" in said


def test_a_report_that_can_go_nowhere_is_refused(tmp_path: Path) -> None:
    for name in ("a.sqlite", "b.sqlite"):
        write_recording(tmp_path / name, [(0, i, i < 3, None) for i in range(4)])
    words = ("outcomes", "a.sqlite", "b.sqlite", "--out", "a.sqlite")
    assert "--out a.sqlite cannot be a folder" in type_in(tmp_path, *words, code=2)["said"]
