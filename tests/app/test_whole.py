"""All of it, from collecting to a study, on the toy world: every command through the front door."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aegis.detectors.probe import Probe
from aegis.records.store import RunTables
from tests.app.toy import write_configs
from tests.app.typed import type_in


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which episodes have been collected and a probe has been fitted."""
    place = tmp_path_factory.mktemp("whole")
    write_configs(place / "configs")
    collected, fitted = type_in(place, "collect"), type_in(place, "fit")
    (place / "collected.json").write_text(json.dumps(collected))
    (place / "fitted.json").write_text(json.dumps(fitted))
    return place


@pytest.mark.slow
def test_collect(place: Path) -> None:
    answer = json.loads((place / "collected.json").read_text())
    assert answer["episodes"] == 120
    assert 0 < answer["successes"] < 120
    assert answer["layers"] == ["trunk"]
    assert "120 episodes; arms: weak" in answer["said"]
    status = json.loads((place / "runs/collect/status.json").read_text())
    assert status["state"] == "finished"


def test_collect_with_stays_of_the_strong_policy_and_fit_on_what_came_after(place: Path) -> None:
    answer = type_in(place, "collect", "stints=true", "name=stints")
    assert set(answer["per_arm"]) == {"weak", "stint_early", "stint_late"}
    assert answer["per_arm"]["weak"] == [answer["successes"], answer["episodes"]] == [*won(place)]
    assert answer["per_arm"]["stint_early"][0] > answer["successes"], "help helps"
    arms = "arms=[weak,stint_early,stint_late]"
    words = ("train=runs/stints", arms, "layer=trunk+tick", "strength=0.1", "weight=row")
    fitted = type_in(place, "fit", *words, "name=after")
    plain = type_in(place, "fit", "layer=trunk+tick", "strength=0.1", "weight=row", "name=plain")
    assert fitted["n_train"] > plain["n_train"]
    assert fitted["n_calibration"] == plain["n_calibration"], "calibrated on the policy alone"
    assert fitted["report"]["episodes"] == plain["report"]["episodes"]
    assert fitted["report"]["lines"][1:] == plain["report"]["lines"][1:]


def test_fit_on_whether_a_short_stay_rescued(place: Path) -> None:
    arms = "arms=[stint_early,stint_late]"
    words = ("label=rescue", "train=runs/stints", "layer=trunk+tick", "strength=0.1", "guard=0.0")
    more = ("weight=row", "alpha=0.5", "shares=[1,1,1]")
    fitted = type_in(place, "fit", *words, *more, arms, "name=rescue")
    assert fitted["label"] == fitted["report"]["label"] == "rescue"
    words_said = ("the first 30% of the horizon, of which", "training stays", "stays in vain")
    for text in (*words_said, "aegis study detectors.rescue.path=runs/rescue/probe"):
        assert text in fitted["said"]
    less = type_in(place, "fit", *words, *more, arms, "holds=[1,1]", "name=shorter")
    assert less["n_train"] < fitted["n_train"], "other lengths do not count"
    given = type_in(place, "fit", *words, *more, arms, "given=failure", "name=given")
    assert given["n_train"] < fitted["n_train"], "what the policy alone solves does not count"
    answer = type_in(place, "fit", *words, "name=no", code=2)
    assert "Name them: arms=[stint_early" in answer["error"]["message"]
    answer = type_in(place, "fit", *words, arms, "holds=[3,2]", "name=no", code=2)
    assert "two ascending lengths" in answer["error"]["message"]


def test_folders_of_a_list_may_lack_some_of_the_arms(place: Path) -> None:
    words = ("layer=trunk+tick", "strength=0.1", "weight=row", "name=both")
    many = "train=[runs/collect,runs/stints]"
    fitted = type_in(place, "fit", *words, many, "arms=[weak,stint_early]")
    alone = type_in(place, "fit", *words, many)
    assert fitted["n_train"] > alone["n_train"]
    for arms in ("[weak,stint_erly]", "[weak,aegis]"):
        answer = type_in(place, "fit", *words, many, f"arms={arms}", code=2)
        assert answer["error"]["kind"] == "UnknownNameError"
        assert "in runs/collect, runs/stints" in answer["error"]["message"]
    answer = type_in(place, "fit", *words, many, "arms=[stint_early]", code=2)
    assert "Unknown arm 'stint_early' in runs/collect" in answer["error"]["message"]


def won(place: Path) -> tuple[int, int]:
    """Successes and episodes of the policy alone, from the plain collection."""
    answer = json.loads((place / "collected.json").read_text())
    return answer["successes"], answer["episodes"]


def test_collect_forks(place: Path) -> None:
    answer = type_in(place, "collect", "forks=[0,8]", "units=60", "name=forks")
    arms = {"strong_at_000", "strong_at_008", "reseed_at_000", "reseed_at_008"}
    assert set(answer["per_arm"]) == {"weak"} | arms
    assert answer["per_arm"]["strong_at_000"][0] >= answer["successes"]
    fitted = type_in(place, "fit", "label=advantage", "name=advantage", "guard=0.0", "alpha=0.3")
    assert fitted["label"] == fitted["report"]["label"] == "advantage"
    assert "forks without need" in fitted["said"]
    assert fitted["report"]["lines"][0]["pooled"] > 0.6
    answer = type_in(place, "fit", "label=advantage", "arms=[weak]", "name=wrong", code=2)
    assert "fitted on forks of one arm" in answer["error"]["message"]
    answer = type_in(place, "collect", "forks=[0]", "stints=true", "name=both", code=2)
    assert "two collections" in answer["error"]["message"]


def test_fit(place: Path) -> None:
    answer = json.loads((place / "fitted.json").read_text())
    probe = answer["report"]["lines"][0]
    assert probe["pooled"] > 0.6, "the toy policy's activations leak how hard the episode is"
    assert [line["name"] for line in answer["report"]["lines"]][1:3] == ["time", "task"]
    assert answer["report"]["cost_us"] > 0
    assert (place / answer["out"]).is_file()
    assert "AUROC" in answer["said"]


def test_fit_of_an_ensemble_on_a_layer_and_time(place: Path) -> None:
    words = ("kind=ensemble", "strength=0.3", "weight=row", "layer=trunk+tick", "name=many")
    answer = type_in(place, "fit", *words, "train=[runs/collect]", "arms=[weak]")
    assert answer["report"]["lines"][0]["pooled"] > 0.6
    probe = Probe.read_file(place / answer["out"])
    assert (probe.kind, probe.layer, probe.head.width) == ("ensemble", "trunk+tick", 8)
    assert probe.window == 1.0


@pytest.mark.parametrize(
    ("override", "kind", "says", "code"),
    [
        ("layer=trnk", "UnknownNameError", "Unknown layer 'trnk'", 2),
        ("layer=trunk+trunk", "ConfigError", "does not say what to read", 2),
        ("train=[]", "ConfigError", "a text, or a list of them", 2),
        ("weight=rows", "UnknownNameError", "Did you mean 'row'", 2),
        ("arms=[weak,aegis]", "UnknownNameError", "Unknown arm 'aegis'", 2),
        ("arm=aegis", "UnknownNameError", "Unknown arm 'aegis'", 2),
        ("train=runs/nothing", "TraceError", "missing or damaged", 2),
        ("alpha=0.001", "CalibrationError", "alpha", 4),
        ("kind=forest", "UnknownNameError", "Allowed: logistic, mlp, ensemble", 2),
        ("shares=[1,1]", "ConfigError", "three positive numbers", 2),
    ],
)
def test_fit_says_what_is_wrong(
    place: Path, override: str, kind: str, says: str, code: int
) -> None:
    answer = type_in(place, "fit", override, "out=runs/wrong.safetensors", code=code)
    assert answer["error"]["kind"] == kind
    assert says in answer["error"]["message"]
    assert not (place / "runs/wrong.safetensors").exists()


def test_run_resume_and_refuse(place: Path) -> None:
    first = type_in(place, "run")
    assert first["episodes"] == 8
    run = place / "runs/run"
    table = (run / "steps.parquet").read_bytes()
    for part in sorted((run / "parts").iterdir())[::2]:
        part.unlink()
    again = type_in(place, "run")
    assert again["successes"] == first["successes"]
    assert (run / "steps.parquet").read_bytes() == table, "a resumed run is the same"
    answer = type_in(place, "run", "gate.threshold=0.9", code=2)
    assert "holds another experiment" in answer["error"]["message"]
    assert "arm.aegis" in answer["error"]["message"]
    (run / "status.json").unlink()
    assert type_in(place, "monitor", "run")["state"] == "finished"


def test_train_collects_then_trains_and_does_neither_twice(place: Path) -> None:
    only = type_in(place, "train", "--demos-only")
    assert only["demonstrations"] == 6
    assert "checkpoint" not in only
    before = {path: path.stat().st_mtime_ns for path in (place / "runs/demos").glob("*.npz")}
    answer = type_in(place, "train")
    assert (place / answer["checkpoint"]).read_text() == "6"
    assert before == {path: path.stat().st_mtime_ns for path in before}
    assert "training: 3/3 loss 0.3333" in answer["said"]


def test_train_lets_another_policy_lead(place: Path) -> None:
    led = ("demos.lead_ticks=[3,6]", "demos.out=runs/led", "name=led")
    assert type_in(place, "train", "--demos-only", *led)["demonstrations"] > 0
    text = (place / "runs/led/manifest.json").read_text()
    assert "3-6" in json.loads(text)["identity"]["lead"]


def test_names_stay_in_runs(place: Path) -> None:
    answer = type_in(place, "run", "name=../elsewhere", code=2)
    assert "'name' must be a name" in answer["error"]["message"]


def test_a_policy_must_know_its_part(place: Path) -> None:
    answer = type_in(place, "run", "weak._target_=tests.fakes.ToyWorld", code=2)
    assert "Unknown option 'name' in 'weak'" in answer["error"]["message"]


def test_demo_films_a_recovered_episode(place: Path) -> None:
    answer = type_in(place, "demo")
    assert list(answer["arms"]) == ["weak", "aegis"]
    (contrast,) = answer["contrasts"]
    assert (contrast["arm"], contrast["against"]) == ("aegis", "weak")
    assert answer["arms"]["aegis"]["recovered_count"] == contrast["recovered"]
    assert answer["arms"]["weak"]["strong_steps"] == 0 < answer["arms"]["aegis"]["strong_steps"]
    assert answer["film"] == "runs/demo/recovered.mp4"
    assert (place / answer["film"]).stat().st_size > 1000
    assert "film: runs/demo/recovered.mp4 (task" in answer["said"]
    assert RunTables.read_folder(place / "runs/demo").episodes


def test_study_and_monitor(place: Path) -> None:
    answer = type_in(place, "study")
    assert list(answer["arms"])[:3] == ["weak", "strong", "blind"]
    primary = [c["against"] for c in answer["contrasts"] if c["primary"]]
    assert primary == ["blind", "random", "reseed", "strong"]
    assert {path.name for path in (place / "runs/study").iterdir()} >= {
        "plan.yaml", "seal.json", "report.json", "report.md", "report.html", "calibration",
    }  # fmt: skip
    assert type_in(place, "study")["lock"] == answer["lock"], "a second call plays nothing again"

    seen = type_in(place, "monitor", "study", "--svg", "panel.svg")
    assert seen["state"] == "finished"
    assert seen["arms"]["aegis"]["episodes"] == 12
    assert "120 episodes" in seen["said"]
    assert (place / "panel.svg").read_text().startswith("<svg")
    wrong = type_in(place, "monitor", "stuyd", code=2)
    assert "Did you mean 'study'" in wrong["error"]["message"]
