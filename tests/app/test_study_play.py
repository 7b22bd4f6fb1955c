"""`aegis study` plays what was asked for: scores, times, criteria that stop it, and kills."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml  # type: ignore[import-untyped]

from tests.app.studied import CODE, FEW, failed
from tests.app.typed import type_in

REPOSITORY = Path(__file__).resolve().parents[2]

CHILD = f"""
import sys
from aegis.app.main import main
from aegis.app.config import identity
from aegis.app.study import prepared_study as stand
identity.compute_row_code_digests = stand.compute_code_digests = lambda *_: {CODE}
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.slow
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


@pytest.mark.slow
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
