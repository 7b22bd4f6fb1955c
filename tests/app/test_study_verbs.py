"""`aegis study` verb by verb on the toy world: lock, run, report, verify, power."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.app.studied import FEW
from tests.app.typed import type_in


def test_a_study_is_verified_from_lock_to_episodes(made: Path) -> None:
    answer = type_in(made, "study", "verify", "study", "sample=2")
    assert answer["verified"]
    counts = {check["name"]: check["count"] for check in answer["checks"]}
    assert counts["played again"] == 2 * 10
    assert counts["forks again"] == 2 * 5
    assert counts["numbers"] > 500
    assert {"plan", "seal", "units", "rows agree", "calibration again", "steps again"} <= set(
        counts
    )


@pytest.mark.slow
def test_a_path_is_as_good_as_a_name(made: Path) -> None:
    answer = type_in(made, "study", "verify", str(made / "runs/study"), "sample=0", "workers=1")
    assert answer["verified"]


def test_small_files_are_enough_to_report_and_verify(place: Path) -> None:
    """What a repository keeps: no steps, no activations, no single episodes."""
    root, kept = place / "runs/study", place / "runs/kept"
    large = shutil.ignore_patterns("parts", "steps.*", "features.*", "forks", "calibration")
    shutil.copytree(root, kept, ignore=large)
    assert any((kept / "pictures").glob("*.png"))
    assert sum(path.stat().st_size for path in kept.rglob("*") if path.is_file()) < 1_000_000
    type_in(place, "study", "report", "kept")
    for name in ("report.json", "report.md", "report.html"):
        assert (kept / name).read_bytes() == (root / name).read_bytes()
    answer = type_in(place, "study", "verify", "kept", "sample=1")
    seal = next(check for check in answer["checks"] if check["name"] == "seal")
    assert "not here: steps.parquet, features.parquet" in seal["detail"]


def test_what_was_played_is_not_played_again(made: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in (made / "runs/study").rglob("*.parquet")}
    answer = type_in(made, "study", "run", "study")
    assert "finished and sealed" in answer["said"]
    assert before == {p: p.stat().st_mtime_ns for p in before}


def test_show_prints_the_plan_and_does_nothing(made: Path) -> None:
    assert "question: Does" in type_in(made, "study", "lock", "--show", "name=new")["said"]
    assert not (made / "runs/new").exists()
    assert "code.aegis.core" in type_in(made, "study", "run", "study", "--show")["said"]


def test_the_plan_says_what_was_set_and_tried(made: Path) -> None:
    text = (made / "runs/study/plan.yaml").read_text()
    for words in ("alpha: 0.05", "tried:", "threshold: 0.", "first: 1000000", "policy.weak: toy"):
        assert words in text
    assert "calibrated: calibrated" not in text
    assert text.index("\nplan:") < text.index("\narms:") < text.index("\nlock:")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("run study units=8", "Unknown setting 'units' in aegis study run: a locked plan"),
        ("run study slots=0", "'slots' must be a whole number"),
        ("report stduy", "Did you mean 'study'"),
        ("lcok", "Did you mean 'lock'"),
        ("lock units=5", "was locked with other settings: "),
        ("lock name=fit2 plan.contrasts=[{arm:aegs,against:weak,alternative:greater}]", "'aegs'"),
        ("lock name=other start.split=training", "lie in the training split"),
        ("lock name=other plan.early=0.2", "early must be one of the windows"),
        ("lock name=other arms.blind.dial.kind=strt", "Did you mean 'start'"),
        ("lock name=other keep=[nobody]", "'keep' must be a list of arms of the study"),
        ("power collect", "none of the planned contrasts"),
    ],
)
def test_mistakes_are_named(made: Path, words: str, says: str) -> None:
    answer = type_in(made, "study", *words.split(), code=2)
    assert says in answer["error"]["message"]
    assert not (made / "runs/other/plan.yaml").exists()


def test_test_units_that_were_played_before_cannot_be_planned_for(place: Path) -> None:
    (place / "runs/study/plan.yaml").unlink()
    message = type_in(place, "study", "lock", *FEW, code=2)["error"]["message"]
    assert "played before any plan was locked" in message


def test_another_plan_afterwards_is_exploratory_and_lies_apart(place: Path) -> None:
    before = (place / "runs/study/report.json").read_bytes()
    answer = type_in(place, "study", "report", "study", "plan.early=0.1", "plan.alpha=0.2")
    assert answer["exploratory"]
    assert answer["out"] == "runs/study/exploratory"
    assert any("plan.early=0.1, plan.alpha=0.2" in note for note in answer["notes"])
    assert answer["detector"]["early"] == 0.1
    assert (place / "runs/study/report.json").read_bytes() == before
    for word, says in (
        ("plan.erly=0.1", "Did you mean 'early'"),
        ("plan.early.x=0.1", "holds no keys"),
        ("plan.looks=[", "Cannot read"),
        ("plan.early=0.2", "early must be one of"),
        ("seed=3", "Unknown setting 'seed'"),
    ):
        assert says in type_in(place, "study", "report", "study", word, code=2)["error"]["message"]


def test_power_from_a_pilot(made: Path) -> None:
    answer = type_in(made, "study", "power", "study")
    assert [one["against"] for one in answer["contrasts"]] == [
        "blind",
        "random",
        "reseed",
        "strong",
    ]
    assert answer["contrasts"][0]["pilot"] == answer["contrasts"][0]["planned"] == 12
