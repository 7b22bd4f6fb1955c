"""Fence around the published studies: their plans build, their fingerprints and numbers come out.

Whatever moves in the code, these hold: every target of a locked plan is built, the manifest that
the run carries is reproduced name by name, and a report made anew has the committed numbers.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
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

ROOT = Path(__file__).resolve().parents[2]
STUDIES = sorted(path.parent.name for path in (ROOT / "runs").glob("reference*/plan.yaml"))

OF_THE_MACHINE = ("rounding.", "format")
"""Keys of a manifest that say where or how it was written, not what was played."""

MADE = ("notes", "lock")
"""Parts of a report that say how it was made."""

TOLERANCE = 1e-9
"""Relative; the last digits of sums differ from CPU to CPU."""


@pytest.fixture(params=STUDIES)
def study(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(ROOT)
    return ROOT / "runs" / str(request.param)


def test_all_five_studies_are_here() -> None:
    assert len(STUDIES) == 5


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
        plan = stand.plan_run(stand.list_test_units(), arms, {LOCK_KEY: locked.digest})
        found = compute_identity(plan, stand.lab.policies)
        assert stand.collect_digests().items() <= locked.digests.items()
    stored = read_manifest(study)["identity"]
    assert isinstance(stored, Mapping)
    kept = {name for name in stored if not name.startswith(OF_THE_MACHINE)}
    assert len([name for name in kept if name.startswith("arm.")]) == len(arms)
    assert {name: found.get(name) for name in kept} == {name: stored[name] for name in kept}


def test_a_report_made_anew_has_the_committed_numbers(study: Path) -> None:
    committed = json.loads((study / "report.json").read_text())
    anew = json.loads(
        StoredStudy.read_folder(study).compute_result(StudyTables.read_folder(study)).to_json_text()
    )
    assert differences(committed, anew) == []
    assert len(list(values(committed))) > 1000


def differences(committed: object, anew: object) -> list[str]:
    """Lists the values that differ: counts and texts at all, numbers by more than the tolerance."""
    before, after = dict(values(committed)), dict(values(anew))
    missing = sorted(before.keys() ^ after.keys())
    return missing + [key for key in before if key in after and differs(before[key], after[key])]


def differs(before: object, after: object) -> bool:
    if isinstance(before, float) and isinstance(after, float):
        return not math.isclose(before, after, rel_tol=TOLERANCE, abs_tol=0.0)
    return before != after or type(before) is not type(after)


def values(node: object, where: str = "") -> Iterator[tuple[str, object]]:
    """Yields the path and value of every leaf of a report, except of how it was made."""
    if isinstance(node, Mapping):
        for name, child in node.items():
            if where or name not in MADE:
                yield from values(child, f"{where}.{name}")
    elif isinstance(node, list):
        for i, child in enumerate(node):
            yield from values(child, f"{where}[{i}]")
    else:
        yield where, node


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        (0.1, 0.1 + 1e-12, True),
        (0.1, 0.1 + 1e-9, False),
        (3, 3, True),
        (3, 4, False),
        (3, 3.0, False),
        ("a", "b", False),
        (None, 0, False),
    ],
)
def test_the_comparison_sees_what_it_should(before: object, after: object, same: bool) -> None:
    assert (differences({"x": [before]}, {"x": [after]}) == []) is same


def test_the_comparison_sees_what_is_missing() -> None:
    assert differences({"x": {"a": 1}}, {"x": {}}) == [".x.a"]
