"""Detectors, and gates and switches that read their scores by name, through the front door."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aegis.app.config.arm_builder import fill_calibrated
from aegis.core.errors import ConfigError, UnknownNameError
from aegis.detectors.activation import ActivationProbe
from aegis.records.store import RunTables
from tests.app.toy import write_configs
from tests.app.typed import type_in
from tests.detectors.test_probe import make_probe
from tests.fakes import FakeDetector

WATCHERS = [ActivationProbe(make_probe(), "mean"), FakeDetector()]


def part(**node: object) -> dict[str, object]:
    return {"gate": {"_target_": "a.b", "threshold": "calibrated", **node}}


def test_a_part_is_calibrated_to_the_score_that_it_reads() -> None:
    assert fill_calibrated("a", part(), WATCHERS) == part(threshold=0.7)
    assert fill_calibrated("a", part(score=None), WATCHERS) == part(threshold=0.7, score=None)
    assert fill_calibrated("a", part(score="mean"), WATCHERS[::-1]) == part(
        threshold=0.7, score="mean"
    )
    with pytest.raises(ConfigError, match=r"'arms\.a\.gate\.threshold' is 'calibrated', but"):
        fill_calibrated("a", part(score=FakeDetector().name), WATCHERS)
    with pytest.raises(UnknownNameError, match=r"Unknown score 'men' in arms\.a\.gate.*'mean'"):
        fill_calibrated("a", part(score="men"), WATCHERS)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two fitted probes, and a run that two detectors watch."""
    place = tmp_path_factory.mktemp("scores")
    folder = write_configs(place / "configs")
    type_in(place, "collect")
    type_in(place, "fit")
    type_in(place, "fit", "name=late", "layer=trunk+tick", "window=1.0")
    second = "{_target_: aegis.detectors.activation.ActivationProbe.load, name: x, "
    second += "path: runs/late/probe.safetensors, policy_digest: null}"
    text = (folder / "run.yaml").read_text()
    (folder / "run.yaml").write_text(f"{text}\ndetectors: {{late: {second}}}\n")
    return place


def test_several_detectors_watch_and_a_gate_reads_one(place: Path) -> None:
    type_in(place, "run", "gate.score=late")
    late = json.loads((place / "runs/late/probe.json").read_text())["threshold"]
    tables = RunTables.read_folder(place / "runs/run")
    steps = [step for step in tables.read_steps().to_pylist() if step["boundary"]]
    assert {tuple(name for name, _ in step["scores"]) for step in steps if step["scores"]} == {
        ("probe", "late")
    }
    for step in steps:
        risk = dict(step["scores"]).get("late")
        if step["reason"].startswith("risk ") and step["level"] == "ESCALATE":
            assert risk > late
        if step["reason"] == "risk low":
            assert risk <= late


def test_a_score_that_nobody_gives_is_refused_before_anything_runs(place: Path) -> None:
    answer = type_in(place, "run", "gate.score=lat", "gate.threshold=0.5", "name=no", code=2)
    assert answer["error"]["kind"] == "UnknownNameError"
    said = answer["error"]["message"]
    assert "Unknown score 'lat' in arms.aegis.gate. Did you mean 'late'?" in said
    assert not (place / "runs/no").exists()


def test_a_detector_that_is_turned_off_does_not_watch(place: Path) -> None:
    folder = place / "configs/off"
    folder.mkdir()
    text = (place / "configs/run.yaml").read_text()
    (folder / "run.yaml").write_text(text[: text.index("detectors:")] + "detectors: {late: null}\n")
    type_in(place, "run", "--config-dir", "configs/off", "gate.score=probe", "name=off")
    steps = RunTables.read_folder(place / "runs/off").read_steps().to_pylist()
    assert {name for step in steps for name, _ in step["scores"]} == {"probe"}


def test_a_gate_that_reads_two_scores_needs_both(place: Path) -> None:
    gate = (
        "gate={_target_: aegis.gates.rescue.RescueGate, threshold: 0.0, risk: RISK, rescue: late}"
    )
    for risk, known in (("probe", True), ("prob", False)):
        text = (place / "configs/run.yaml").read_text()
        old = text[text.index("gate:") : text.index("switch:")]
        new = gate.replace("=", ": ", 1).replace("RISK", risk) + "\n"
        (place / "configs/rescue").mkdir(exist_ok=True)
        (place / "configs/rescue/run.yaml").write_text(text.replace(old, new))
        words = ("run", "--config-dir", "configs/rescue", f"name=rescue-{risk}")
        answer = type_in(place, *words, code=0 if known else 2)
        assert (place / f"runs/rescue-{risk}").exists() == known
        if not known:
            said = answer["error"]["message"]
            assert "Unknown score 'prob' in arms.aegis.gate. Did you mean 'probe'?" in said
    steps = RunTables.read_folder(place / "runs/rescue-probe").read_steps().to_pylist()
    judged = [step for step in steps if step["reason"].startswith("advantage ")]
    assert judged
    for step in judged:
        scores = dict(step["scores"])
        fires = scores["probe"] + (scores["late"] - 1) > 0.0
        assert (step["level"] == "ESCALATE") == fires
