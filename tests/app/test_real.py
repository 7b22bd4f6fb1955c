"""The real thing, small: shipped policies and probe in MuJoCo, through the front door."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aegis.detectors.probe import Probe
from aegis.records.store import RunTables
from policies.nano_vla.policy import NanoVLA
from tests.app.golden_rows import FILE, describe_rows, play_golden, read_renderer
from tests.app.typed import type_in

REPOSITORY = Path(__file__).resolve().parents[2]
CHECKPOINTS = REPOSITORY / "policies/nano_vla/checkpoints"
TABLES = ("episodes", "steps", "features")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder without anything: what is shipped is found from where it is shipped."""
    return tmp_path_factory.mktemp("real")


def play(place: Path, name: str, *words: str) -> RunTables:
    common = ("env.assets=builtin", "tasks=[3,7]", f"name={name}", *words)
    type_in(place, "demo", "units=2", "film.size=64", *common)
    return RunTables.read_folder(place / "runs" / name)


@pytest.fixture(scope="module")
def played(place: Path) -> RunTables:
    return play_golden(place)


def test_portable_rows_are_those_of_every_machine(place: Path, played: RunTables) -> None:
    golden, renderer = json.loads(FILE.read_text()), read_renderer(played.root)
    if renderer != golden["renderer"]:
        pytest.skip(f"drawn by {renderer}; the golden rows by {golden['renderer']}")
    found = describe_rows(played)
    if found != golden["rows"]:
        course = type_in(place, "doctor", "determinism", code=None)
        pytest.fail(f"expected {golden['rows']}, found {found}; stages: {course}")


def test_arms_are_equal_until_the_first_hand_over(played: RunTables) -> None:
    rows = {(row.task, row.arm): row for row in played.episodes}
    assert len(rows) == 6
    for task in (3, 7):
        weak, aegis = rows[task, "weak"], rows[task, "aegis"]
        assert weak.strong_steps == 0
        if aegis.handover_k is None:
            assert (weak.final, weak.steps) == (aegis.final, aegis.steps)
        else:
            assert aegis.handover_k >= 44, "the guard: a fifth of the horizon"
            assert weak.steps > aegis.handover_k


def test_tables_do_not_depend_on_workers_and_slots(place: Path, played: RunTables) -> None:
    play(place, "two", "workers=2", "slots=2")
    for table in TABLES:
        one, two = (place / "runs" / name / f"{table}.parquet" for name in ("one", "two"))
        assert one.exists() == two.exists()
        assert not one.exists() or one.read_bytes() == two.read_bytes(), table


def test_the_strong_policy_solves_what_it_is_given(place: Path) -> None:
    answer = type_in(
        place, "collect", "weak=nano_strong", "env.assets=builtin", "tasks=[2,8]", "units=2",
        "start.split=test", "name=strong",
    )  # fmt: skip
    assert answer["episodes"] == 2
    assert answer["successes"] >= 1


def test_checkpoints_are_small_and_belong_together() -> None:
    files = list(CHECKPOINTS.glob("*.safetensors"))
    sizes = [file.stat().st_size for file in files]
    assert max(sizes) < 7e6
    assert sum(sizes) < 50e6  # a clone stays small; those that a locked study names are kept
    probe = Probe.read_file(CHECKPOINTS / "probe.safetensors")
    weak = NanoVLA("weak", str(CHECKPOINTS / "weak.safetensors"), taps=[probe.layer])
    assert probe.policy_digest == weak.spec.digest
    assert 0 < probe.release < probe.threshold < 1
