"""Fence around the published studies: their plans build, their fingerprints and numbers come out.

Whatever moves in the code, these hold: every target of a locked plan is built, the manifest that
the run carries is reproduced name by name, and a report made anew has the committed numbers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from aegis.app.config.targets import locate_target, walk_targets
from aegis.app.study.prepared_study import compose_locked, open_study
from aegis.app.study.reporting import StoredStudy
from aegis.app.study.running import LOCK_KEY
from aegis.fleet.run_plan import compute_identity
from aegis.records.manifest import read_manifest
from aegis.study.plan.lockfile import read_lock
from aegis.study.play.small_tables import StudyTables
from aegis.study.verification import check_numbers, list_differences

ROOT = Path(__file__).resolve().parents[2]
STUDIES = sorted(path.parent.name for path in (ROOT / "runs").glob("reference*/report.json"))
"""Studies that are finished; a plan alone is one that is being played."""
OLDEST = ("", "-first", "-second", "-tenth", "-tenth-first")

QUICKEST = "reference"
"""The report of this one is made anew by ``make test``; the others, half a minute to a minute each,
by ``make test-slow``."""
OF_THE_MACHINE = ("rounding.", "format", "code.")
"""Keys of a manifest that say where or how it was written, not what was played; code goes on, and
`aegis study verify` says whether it still plays the same."""


@pytest.fixture(params=STUDIES)
def study(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(ROOT)
    return ROOT / "runs" / str(request.param)


def test_no_study_is_lost() -> None:
    assert {f"reference{which}" for which in OLDEST} <= set(STUDIES)


def test_every_target_of_a_locked_plan_is_found(study: Path) -> None:
    targets = [
        (where, str(node["_target_"])) for where, node in walk_targets(read_lock(study).tree)
    ]
    assert len(targets) > 20
    for where, target in targets:
        assert callable(locate_target(target, where))


def test_a_locked_plan_builds_into_what_its_manifest_says(study: Path) -> None:
    locked = read_lock(study)
    with open_study(compose_locked(locked, {"workers": 1, "slots": 1})) as stand:
        arms = stand.build_arms()
        lock, truth = {LOCK_KEY: locked.digest}, stand.read_truth_names()
        plan = stand.plan_run(stand.list_test_units(), arms, lock, truth)
        found = compute_identity(plan, stand.lab.policies)
        assert stand.collect_digests().items() <= locked.digests.items()
    stored = read_manifest(study)["identity"]
    assert isinstance(stored, Mapping)
    kept = {name for name in stored if not name.startswith(OF_THE_MACHINE)}
    assert len([name for name in kept if name.startswith("arm.")]) == len(arms)
    assert {name: found.get(name) for name in kept} == {name: stored[name] for name in kept}


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n == QUICKEST else pytest.mark.slow) for n in STUDIES]
)
def test_a_report_made_anew_has_the_committed_numbers(name: str) -> None:
    study = ROOT / "runs" / name
    committed = json.loads((study / "report.json").read_text())
    anew = json.loads(
        StoredStudy.read_folder(study).compute_result(StudyTables.read_folder(study)).to_json_text()
    )
    found = check_numbers(committed, anew)
    assert found.passed, found.detail
    assert found.count > 1000


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        (0.1, 0.1 + 1e-12, True),
        (0.1, 0.1 + 1e-9, False),
        (3, 3, True),
        (3, 4, False),
        (3, 3.0, False),
        (3, 3 + 1e-12, False),
        (1e-219, 1.0000001e-219, False),
        (True, 1, False),
        (0.0, 1e-300, False),
        ("a", "b", False),
        (None, 0, False),
    ],
)
def test_the_comparison_sees_what_it_should(before: object, after: object, same: bool) -> None:
    assert (list_differences({"p": [before]}, {"p": [after]}) == []) is same


def test_the_comparison_sees_what_is_missing() -> None:
    for before, after in (({"a": 1}, {}), ({}, {"a": 1}), ([1, 2], [1]), (None, {})):
        assert list_differences({"x": before}, {"x": after}), (before, after)
    assert list_differences({"x": 1, "notes": ["a"]}, {"x": 1, "lock": {}}) == []
