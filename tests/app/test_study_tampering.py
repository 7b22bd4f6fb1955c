"""`aegis study` holds to its lock: plans, tables and code that changed are found."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from aegis.app.study import prepared_study as stand
from aegis.records.files import write_atomic
from aegis.records.store import RunTables
from aegis.study.plan.lockfile import read_lock, write_lock
from aegis.study.play.seal import write_seal
from aegis.study.play.small_tables import write_forks
from tests.app.studied import CODE, failed
from tests.app.typed import type_in


def forge(place: Path) -> None:
    """Turns the outcome of an episode round."""
    root = place / "runs/study"
    rows = list(RunTables.read_folder(root).episodes)
    at = next(i for i, row in enumerate(rows) if row.arm == "aegis")
    won = not rows[at].success
    rows[at] = replace(rows[at], success=won, stop="success" if won else "horizon")
    write_forks(place, rows)
    (place / "forks.parquet").replace(root / "episodes.parquet")


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
    found = failed(type_in(place, "study", "verify", "study", "sample=0", code=4))
    assert "plan.yaml" in found["seal"]
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
    monkeypatch.setattr(stand, "compute_code_digests", lambda *_: other)
    message = type_in(place, "study", "run", "study", code=2)["error"]["message"]
    assert "code.aegis.gates: locked" in message
    assert "found 000000000000…" in message
    said = type_in(place, "study", "report", "study")
    assert any("code.aegis.gates" in note for note in said["notes"]), "and the reader is told"
    answer = type_in(place, "study", "verify", "study", "sample=1")
    assert answer["verified"], "equal bit for bit is what counts"
    assert "not as locked: code.aegis.gates" in answer["said"]


def test_other_versions_are_refused(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aegis.app.study.prepared_study.read_versions", lambda *_: {"numpy": "1.0"})
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
