"""`aegis doctor determinism`: portable stages are those of the references; a fault is named."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aegis.app.determinism.children import build_environment
from aegis.app.determinism.players import GROUPS, INPUTS
from aegis.core.errors import MachineError
from aegis.host.dispatch import build_dispatch
from tests.app.typed import type_in
from tests.checks.test_determinism import SHIPPED

PARTS = """
env: {_target_: tests.fakes.ToyWorld, horizon: 60}
start: {family: wide, split: training, offset: 0}
weak: {_target_: tests.fakes.ToyPolicy, name: weak, weak: true, cameras: {eye: [8, 8]}}
strong: {_target_: tests.fakes.ToyPolicy, name: strong, weak: false}
detector: {_target_: tests.app.test_determinism.build_detector, name: tap}
detectors: {}
seed: 0
tasks: [0, 1]
steps: 8
spacing: 1
stepping: [exact, fast]
portable: false
stages: [world, pictures, weak, strong, detectors, statistics]
course: elsewhere
record: null
trusted: [tests]
"""


def build_detector(name: str) -> object:
    """Builds the detector of ``PARTS``."""
    from tests.checks.test_determinism import Sums

    return Sums(name)


def play(place: Path, *words: str, code: int = 0) -> dict[str, Any]:
    answer = type_in(place, "doctor", "determinism", *words, code=code)
    return answer | {"by_name": {one["name"]: one for one in answer.get("stages", [])}}


def require_level() -> None:
    try:
        build_dispatch(True)
    except MachineError as error:
        pytest.skip(str(error))


def test_portable_stages_have_the_bits_of_the_references(tmp_path: Path) -> None:
    require_level()
    answer = play(tmp_path)
    different = {
        name: f"expected {one['reference']}, got {one['digest'] or one['error']}"
        for name, one in answer["by_name"].items()
        if one["result"] not in ("equal", "close")
    }
    assert not different
    assert answer["first_difference"] is None
    assert answer["level"] == "x86-64-v3/1"
    assert list(dict.fromkeys(one["group"] for one in answer["stages"])) == list(GROUPS)
    said = answer["said"].splitlines()
    assert "no stage differs" in said
    assert any(line.startswith("here: ") and "OpenBLAS Haswell" in line for line in said)


@pytest.mark.parametrize(
    ("group", "variable", "values", "first"),
    [
        ("world", "OPENBLAS_CORETYPE", ("Haswell", "Nehalem"), "start"),
        pytest.param(
            "weak", "ATEN_CPU_CAPABILITY", ("avx2", "default"), "weak text", marks=pytest.mark.slow
        ),
    ],
)
def test_the_stage_whose_library_chose_otherwise_is_named(
    group: str,
    variable: str,
    values: tuple[str, str],
    first: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    require_level()
    course = tmp_path / "course"
    course.mkdir()
    shutil.copy(SHIPPED / INPUTS, course)
    words = (f"stages=[{group}]", "portable=false")
    monkeypatch.setenv(variable, values[0])
    recorded = play(tmp_path, *words, f"record={course}")
    assert {one["result"] for one in recorded["stages"]} == {"equal"}
    monkeypatch.setenv(variable, values[1])
    answer = play(tmp_path, *words, f"course={course}", code=4)
    assert answer["first_difference"] == first
    assert f"first stage that differs: {first}" in answer["said"]
    results = {name: one["result"] for name, one in answer["by_name"].items()}
    if group == "world":  # What reads recorded states does not inherit the fault.
        assert results["physics exact"] == "differs"
        assert results["model"] == results["sensing"] == "equal"


@pytest.mark.slow
def test_another_configuration_is_not_compared(tmp_path: Path) -> None:
    require_level()
    path = "policies/nano_vla/checkpoints/probe_weaker.safetensors"
    answer = play(tmp_path, "stages=[detectors]", f"detector.path={path}")
    probe, rescue = answer["by_name"]["scores probe"], answer["by_name"]["scores rescue"]
    assert (probe["result"], probe["reference"]) == ("no reference", None)
    assert rescue["result"] == "equal"
    assert "no stage differs; 1 have no reference" in answer["said"]


def test_a_course_of_ones_own_is_recorded_and_compared(tmp_path: Path) -> None:
    folder = tmp_path / "configs"
    folder.mkdir()
    (folder / "determinism.yaml").write_text(PARTS)
    course = tmp_path / "mine"
    first = play(tmp_path, f"record={course}")
    inputs = (course / INPUTS).read_bytes()
    names = ["start", "physics", "sensing", "pictures eye", "weak taps", "weak actions"]
    assert [*first["by_name"]][:6] == names
    assert [*first["by_name"]][6:] == ["strong taps", "strong actions", "scores tap", "statistics"]
    assert {one["result"] for one in first["stages"]} == {"equal"}
    again = play(tmp_path, f"course={course}", "stages=[world]")
    assert {one["result"] for one in again["stages"]} == {"equal"}
    moved = play(tmp_path, f"course={course}", "env.horizon=50", "stages=[world]")
    assert {one["result"] for one in moved["stages"]} == {"no reference"}
    assert "nothing to compare with" in moved["said"]
    assert (course / INPUTS).read_bytes() == inputs


def test_what_is_missing_or_unknown_is_told(tmp_path: Path) -> None:
    error = play(tmp_path, "stages=[physics]", code=2)["error"]
    assert error["kind"] == "UnknownNameError"
    assert "world, pictures, weak, strong" in error["message"]
    error = play(tmp_path, "course=nowhere", "stages=[statistics]", code=2)["error"]
    assert error["kind"] == "TraceError"
    assert "record=nowhere" in error["message"]
    np.savez(tmp_path / INPUTS, index=np.array("{}"))
    assert play(tmp_path, "course=.", "stages=[statistics]", code=2)["error"]


def test_processes_start_as_those_of_a_run_do() -> None:
    assert build_environment(False, ("weak", "strong")) == {}
    assert build_environment(False, ("world",))["OMP_NUM_THREADS"] == "1"
    require_level()
    for groups in (("world",), ("weak", "strong"), ("detectors", "statistics")):
        environment = build_environment(True, groups)
        assert environment["OPENBLAS_CORETYPE"] == "Haswell"
        assert environment["OPENBLAS_NUM_THREADS"] == "1"
    assert "OPENBLAS_CORETYPE" not in os.environ
