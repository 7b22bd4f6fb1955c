"""`aegis study` verb by verb on the toy world: locks hold, tampering is found, kills do no harm."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml  # type: ignore[import-untyped]

from aegis.app.study import lock, stand
from aegis.run.files import write_atomic
from aegis.run.store import RunTables
from aegis.study.lock import read_lock, write_lock
from aegis.study.seal import write_seal
from aegis.study.tables import write_forks
from tests.app.test_whole import type_in
from tests.app.toy import write_configs

REPOSITORY = Path(__file__).resolve().parents[2]
FEW = ("units=12", "calibration.units=4", "calibration.tries=1", "forks.units=2")


CODE = {name: name.ljust(64, "0") for name in ("code.aegis.core", "code.aegis.gates")}
CHILD = f"""
import sys
from aegis.app.main import main
from aegis.app.study import lock, stand
lock.code_digests = stand.code_digests = lambda *_: {CODE}
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a probe and a finished study; code does not change while tests look."""
    place = tmp_path_factory.mktemp("verbs")
    write_configs(place / "configs")
    with pytest.MonkeyPatch.context() as patch:
        for module in (lock, stand):
            patch.setattr(module, "code_digests", lambda *_: CODE)
        for words in (("collect",), ("fit",), ("study", "lock", *FEW), ("study", "run", "study")):
            type_in(place, *words)
        type_in(place, "study", "report", "study")
        yield place


@pytest.fixture
def place(made: Path, tmp_path: Path) -> Path:
    """A copy of it, to be spoilt."""
    shutil.copytree(made, tmp_path / "place")
    return tmp_path / "place"


def forge(place: Path) -> None:
    """Turns the outcome of an episode round."""
    root = place / "runs/study"
    rows = list(RunTables.load(root).episodes)
    at = next(i for i, row in enumerate(rows) if row.arm == "aegis")
    won = not rows[at].success
    rows[at] = replace(rows[at], success=won, stop="success" if won else "horizon")
    write_forks(place, rows)
    (place / "forks.parquet").replace(root / "episodes.parquet")


def failed(answer: Mapping[str, object]) -> dict[str, str]:
    checks = answer["checks"]
    assert isinstance(checks, list)
    return {check["name"]: check["detail"] for check in checks if not check["passed"]}


def test_a_study_is_verified_from_lock_to_episodes(made: Path) -> None:
    answer = type_in(made, "study", "verify", "study", "sample=4")
    assert answer["verified"]
    counts = {check["name"]: check["count"] for check in answer["checks"]}
    assert counts["played again"] == 4 * 10
    assert counts["forks again"] == 2 * 5
    assert counts["numbers"] > 500
    assert {"plan", "seal", "units", "rows agree", "calibration again", "steps again"} <= set(
        counts
    )


def test_times_are_measured_where_asked_and_sealed(place: Path) -> None:
    answer = type_in(place, "study", "name=timed", "latency.units=1", *FEW[1:], "units=4")
    found = answer["latency"]
    assert found["units"] == 1
    assert {"weak", "strong"} <= set(found["calls"])
    assert set(found["arms"]) == set(answer["arms"]) - {"oracle"}
    assert type_in(place, "study", "verify", "timed", "sample=0")["verified"]
    path = place / "runs/timed/latency.parquet"
    table = pq.read_table(path)
    pq.write_table(table.append_column("more", pa.array([0] * len(table))), path)
    wrong = failed(type_in(place, "study", "verify", "timed", "sample=0", code=4))
    assert "latency.parquet" in wrong["seal"]
    assert "other columns" in wrong["tables"]


GAIN = {
    "_target_": "aegis.gates.gain.GainGate", "threshold": 0.1, "score": "second",
    "ticks": [0, 60], "recovery": [1.0, 0.2], "disruption": 0.1,
}  # fmt: skip
RESCUE = {
    "_target_": "aegis.gates.rescue.RescueGate", "threshold": 0.1, "risk": "second",
    "rescue": "probe",
}  # fmt: skip


@pytest.mark.parametrize(("gate", "by_tick"), [(GAIN, True), (RESCUE, False)])
def test_the_recommended_arm_may_read_scores_of_its_own(
    place: Path, gate: dict[str, object], by_tick: bool
) -> None:
    """Its score is judged, its threshold is drawn tick by tick; alarms are the published rule's."""
    path = place / "configs/study.yaml"
    tree = yaml.safe_load(path.read_text())
    tree["detectors"] = {"second": {**tree["detector"], "name": "second"}}
    tree["arms"]["ours"]["gate"] = gate
    path.write_text(yaml.safe_dump(tree))
    few = ("units=8", "calibration.units=8", "calibration.tries=4")
    answer = type_in(place, "study", "name=two", *few)
    assert (answer["detector"]["name"], answer["detector"]["alarm"]) == ("second", "probe")
    assert {"probe", "second"} <= {score["name"] for score in answer["detector"]["scores"]}
    assert {part["arm"] for part in answer["timing"]} == {"aegis", "ours"}
    said = (place / "runs/two/report.md").read_text()
    assert ("the risk above which it hands over, by tick" in said) == by_tick
    assert type_in(place, "study", "verify", "two", "sample=1")["verified"]


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
    answer = type_in(place, "study", "verify", "kept", "sample=2")
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


@pytest.mark.parametrize("verb", ["run", "report", "verify"])
def test_an_edited_plan_is_refused(place: Path, verb: str) -> None:
    path = place / "runs/study/plan.yaml"
    path.write_text(path.read_text().replace("alpha: 0.05", "alpha: 0.10"))
    answer = type_in(place, "study", verb, "study", code=4 if verb == "verify" else 2)
    message = failed(answer)["plan"] if verb == "verify" else answer["error"]["message"]
    assert "does not hold any more" in message
    assert "plan: locked" in message


def test_an_edited_plan_with_a_mended_digest_is_found_by_its_run(place: Path) -> None:
    root = place / "runs/study"
    locked = read_lock(root)
    (root / "plan.yaml").unlink()
    tree = json.loads(json.dumps(dict(locked.tree)).replace("0.05", "0.1"))
    digests = {name: value for name, value in locked.digests.items() if name != "plan"}
    write_lock(root, tree, digests)
    assert "plan.yaml" in type_in(place, "study", "report", "study", code=2)["error"]["message"]
    assert "plan.yaml" in failed(type_in(place, "study", "verify", "study", code=4))["seal"]
    write_seal(root, read_lock(root).digest)
    wrong = failed(type_in(place, "study", "verify", "study", "sample=0", code=4))
    assert "under another plan" in wrong["seal"]


def test_another_probe_is_refused(place: Path) -> None:
    (place / "runs/study/seal.json").unlink()
    type_in(place, "fit", "shares=[0.4,0.3,0.3]")
    answer = type_in(place, "study", "run", "study", code=2)
    assert answer["error"]["kind"] == "LockError"
    assert "detector.probe: locked" in answer["error"]["message"]
    wrong = failed(type_in(place, "study", "verify", "study", "sample=0", code=4))
    assert "detector.probe" in wrong["policies and assets"]


def test_other_code_is_refused_to_play_but_may_report_and_verify(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = {**CODE, "code.aegis.gates": "0" * 64}
    monkeypatch.setattr(stand, "code_digests", lambda *_: other)
    message = type_in(place, "study", "run", "study", code=2)["error"]["message"]
    assert "code.aegis.gates: locked" in message
    assert "found 000000000000…" in message
    said = type_in(place, "study", "report", "study")
    assert any("code.aegis.gates" in note for note in said["notes"]), "and the reader is told"
    answer = type_in(place, "study", "verify", "study", "sample=1")
    assert answer["verified"], "equal bit for bit is what counts"
    assert "not as locked: code.aegis.gates" in answer["said"]


def test_other_versions_are_refused(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aegis.app.study.stand.versions", lambda: {"numpy": "1.0"})
    message = type_in(place, "study", "run", "study", code=2)["error"]["message"]
    assert "version.numpy" in message


@pytest.mark.parametrize("verb", ["run", "report", "verify"])
def test_a_table_edited_by_hand_is_found(place: Path, verb: str) -> None:
    forge(place)
    words = ("study", verb, "study", *(("sample=0",) if verb == "verify" else ()))
    answer = type_in(place, *words, code=4 if verb == "verify" else 2)
    message = failed(answer)["seal"] if verb == "verify" else answer["error"]["message"]
    assert "episodes.parquet: locked" in message


def test_a_forged_table_with_a_forged_seal_is_played_again(place: Path) -> None:
    root = place / "runs/study"
    forge(place)
    write_seal(root, json.loads((root / "seal.json").read_text())["lock"])
    type_in(place, "study", "report", "study")
    wrong = failed(type_in(place, "study", "verify", "study", "sample=12", code=4))
    assert "aegis: success, stop differ" in wrong["played again"]


def test_one_number_of_the_report_is_found(place: Path) -> None:
    path = place / "runs/study/report.json"
    report = json.loads(path.read_text())
    report["arms"]["aegis"]["duty"] += 1e-9
    write_atomic(path, json.dumps(report).encode())
    wrong = failed(type_in(place, "study", "verify", "study", "sample=0", code=4))
    assert wrong == {"numbers": wrong["numbers"]}
    assert wrong["numbers"].startswith("arms.aegis.duty: reported")


def test_a_run_of_other_arms_is_found_and_other_rounding_is_said(place: Path) -> None:
    path = place / "runs/study/manifest.json"
    manifest = json.loads(path.read_text())
    lock = json.loads((place / "runs/study/seal.json").read_text())["lock"]
    manifest["identity"]["rounding.weak"] = "on another machine"
    path.write_text(json.dumps(manifest))
    write_seal(path.parent, lock)
    answer = type_in(place, "study", "verify", "study", "sample=0")
    assert "rounding.weak" in answer["said"]
    manifest["identity"]["arm.blind"] = "another one"
    path.write_text(json.dumps(manifest))
    write_seal(path.parent, lock)
    answer = type_in(place, "study", "verify", "study", "sample=0", code=4)
    assert "arm.blind: locked 'another one'" in failed(answer)["manifest"]


@pytest.mark.parametrize(
    ("name", "check"),
    [
        ("report.json", "numbers"),
        ("episodes.parquet", "tables"),
        ("manifest.json", "seal"),
        ("seal.json", "seal"),
        ("plan.yaml", "plan"),
    ],
)
def test_a_damaged_file_fails_its_check_and_is_no_fault_of_ours(
    place: Path, name: str, check: str
) -> None:
    path = place / "runs/study" / name
    path.write_bytes(path.read_bytes()[:50])
    assert check in failed(type_in(place, "study", "verify", "study", "sample=0", code=4))


def test_a_calibration_table_edited_by_hand_is_refused(place: Path) -> None:
    path = place / "runs/study/calibration.parquet"
    path.write_bytes(path.read_bytes() + b" ")
    (place / "runs/study/seal.json").unlink()
    message = type_in(place, "study", "run", "study", code=2)["error"]["message"]
    assert "calibration: locked" in message


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


@pytest.mark.slow
def test_a_criterion_may_stop_a_study_and_looks_may_end_it_early(place: Path) -> None:
    asked = ("name=stopped", "plan.kill.stops=true", "plan.kill.floor=0.96", *FEW)
    for _ in range(2):
        answer = type_in(place, "study", *asked, code=4)
        assert answer["error"]["kind"] == "StudyKilledError"
        assert "floor: " in answer["error"]["message"]
    assert not (place / "runs/stopped/parts").exists(), "no other arm was played"
    looks = ("plan.stopping=sequential", "plan.looks=[8,11]", "plan.kill.floor=0.0", *FEW)
    contrast = "plan.contrasts=[{arm: strong, against: weak, alternative: greater}]"
    stops = ("plan.kill.stops=true", "plan.kill.early_auroc=0.0", "plan.kill.ceiling=1.0")
    answer = type_in(place, "study", "name=looked", *looks, *stops, contrast, "plan.alpha=0.99")
    assert answer["units"] in (8, 11), "decided at a look"
    assert type_in(place, "study", "verify", "looked", "sample=1")["verified"]


@pytest.mark.slow
def test_sigkill_at_any_moment_and_resume(made: Path, place: Path) -> None:
    """Locking, playing, sealing and reporting: what is left does not tell of the kills."""
    root = place / "runs/study"
    shutil.rmtree(root)
    words = [sys.executable, "-c", CHILD, "study", *FEW, "--json"]
    where = {"PYTHONPATH": str(REPOSITORY), "PATH": os.environ["PATH"]}
    files = sum(path.is_file() for path in (made / "runs/study").rglob("*"))
    for share in (0.1, 0.3, 0.5, 0.7, 0.9, 0.97):
        child = subprocess.Popen(
            words, cwd=place, env=where, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 120
        while sum(path.is_file() for path in root.rglob("*")) < share * files:
            assert time.monotonic() < deadline
            if child.poll() is not None:
                break
        child.kill()
        child.wait()
    type_in(place, "study", *FEW)
    timed = ("timing.jsonl", "status.json")
    for path in sorted((made / "runs/study").rglob("*")):
        if path.is_file() and path.name not in timed:
            mine = root / path.relative_to(made / "runs/study")
            assert mine.read_bytes() == path.read_bytes(), path.name
