"""`aegis compare` and `aegis pilot` on the toy world: what they say, resume, seal and refuse."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from aegis.app.comparison import playing
from aegis.app.comparison.comparing import build_report
from aegis.app.comparison.stored_run import StoredRun
from aegis.records.store import RunTables
from aegis.study.comparison.pilot import name_switch
from tests.app.comparison.toy_pair import type_pair
from tests.app.studied import failed
from tests.fleet.toyrun import Interrupter

TABLES = ("episodes", "steps")


def read_tables(root: Path) -> dict[str, bytes]:
    return {name: (root / f"{name}.parquet").read_bytes() for name in TABLES}


def test_a_comparison_says_what_its_rows_say(played: Path) -> None:
    root = played / "runs/compare"
    report = json.loads((root / "report.json").read_text())
    rows = RunTables.read_folder(root).episodes
    won = {arm: {r.key: r.success for r in rows if r.arm == arm} for arm in ("a", "b")}
    assert report["n"] == len(won["a"]) == 6
    assert report["a"]["name"] == "toy_weak"
    assert report["a"]["success_count"] == sum(won["a"].values())
    assert report["only_b"] == sum(won["b"][key] > won["a"][key] for key in won["a"])
    assert report["only_b"] > 0, "the strong policy is stronger"
    assert report["a"]["cost"]["timed"] > 0
    assert report["a"]["cost"]["bytes_per_chunk"] is None
    assert {task["n"] for task in report["tasks"]} == {3}
    # Policies that act alike in easy episodes part in the hard ones only.
    assert 0 < report["parting"]["never"] < 6
    page = (root / "report.md").read_text()
    assert "A `toy_weak`" in page
    assert "| 0: reach goal 0 | 3 |" in page


def test_equal_policies_part_nowhere(place: Path) -> None:
    found = type_pair(place, "compare", "toy_weak", "toy_weak", "units=2", "name=same")
    assert (found["difference"], found["p"], found["only_a"], found["only_b"]) == (0.0, 1.0, 0, 0)
    assert found["parting"] | {"parted": 0, "never": 2} == found["parting"]
    assert "They part nowhere: all states of all 2 units are equal." in found["said"]


def test_a_pilot_plays_switch_and_placebo_at_a_chunk(played: Path) -> None:
    report = json.loads((played / "runs/pilot/report.json").read_text())
    assert report["tick"] == 12, "the next chunk of four after tick 9"
    assert [arm["name"] for arm in report["arms"]] == [
        "weak", "strong", "strong_at_012", "reseed_at_012",
    ]  # fmt: skip
    rows = RunTables.read_folder(played / "runs/pilot").episodes
    switched = [row for row in rows if row.arm == name_switch(12)]
    weak = {row.key: row for row in rows if row.arm == "weak"}
    assert all(row.handover_k == (12 if weak[row.key].steps > 12 else None) for row in switched)
    saved = sum(row.success - weak[row.key].success for row in switched)
    assert report["blind_gain"] == pytest.approx(saved / 6)
    assert report["answer"] in ("switching can pay", "cannot be told from so few units")


@pytest.mark.parametrize("command", ["compare", "pilot"])
def test_a_finished_run_checks_and_plays_nothing_again(place: Path, command: str) -> None:
    before = {path: path.read_bytes() for path in (place / f"runs/{command}").glob("*.*")}
    assert type_pair(place, command, "--check", command)["verified"]
    assert type_pair(place, command, "--check", f"runs/{command}")["verified"]
    type_pair(place, command)
    after = {path: path.read_bytes() for path in before}
    changed = {path.name for path in before if before[path] != after[path]}
    assert changed <= {"status.json"}


def test_an_interrupted_comparison_goes_on(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("compare", "name=again")
    stop = Interrupter(after=3)
    with monkeypatch.context() as patch:
        patch.setattr(playing, "make_run_sink", lambda *_: stop)
        answer = type_pair(place, *words, code=None)
    assert answer["error"]["kind"] == "InterruptedRunError"
    assert "are finished and stay in runs/again" in answer["error"]["message"]
    wrong = failed(type_pair(place, "compare", "--check", "again", code=4))
    assert "is not finished" in wrong["seal"]
    assert type_pair(place, *words)["n"] == 6
    assert read_tables(place / "runs/again") == read_tables(place / "runs/compare")
    assert type_pair(place, "compare", "--check", "again")["verified"]


def test_more_units_and_another_target_go_on_in_the_same_folder(place: Path) -> None:
    first = RunTables.read_folder(place / "runs/compare").episodes
    found = type_pair(place, "compare", "units=7", "target=20", "alpha=0.1")
    assert found["n"] == 7
    assert (found["required"]["target"], found["required"]["alpha"]) == (0.2, 0.1)
    assert set(first) < set(RunTables.read_folder(place / "runs/compare").episodes)
    assert type_pair(place, "compare", "--check", "compare")["verified"]
    again = type_pair(place, "pilot", "precision=0.9", "study=300")
    assert {power["units"] for power in again["powers"]} == {300}


@pytest.mark.parametrize("words", ["units=5", "tasks=[0]", "start.offset=1"])
@pytest.mark.parametrize("command", ["compare", "pilot"])
def test_a_finished_run_is_not_replaced_by_one_of_fewer_units(
    place: Path, command: str, words: str
) -> None:
    before = {path: path.read_bytes() for path in (place / f"runs/{command}").glob("*.*")}
    answer = type_pair(place, command, words, code=2)
    said = answer["error"]["message"]
    assert f"runs/{command} holds a finished run of 6 units" in said
    assert "name=ANOTHER" in said
    assert {path: path.read_bytes() for path in before} == before


def test_a_finished_run_that_is_killed_while_it_is_extended_goes_on(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed at the worst moment: tables are merged, the seal is not yet renewed."""
    root = place / "runs/compare"
    killed = root.with_name("killed")

    def take_away(*_: object) -> None:
        shutil.copytree(root, killed)  # what a process that is killed here leaves behind

    with monkeypatch.context() as patch:
        patch.setattr(playing, "write_report", take_away)
        type_pair(place, "compare", "units=8")
    shutil.rmtree(root)
    killed.rename(root)
    with (root / "timing.jsonl").open("a") as file:
        file.write('{"event": "calls", "poli')
    wrong = failed(type_pair(place, "compare", "--check", "compare", code=4))
    assert "is not finished" in wrong["seal"]
    assert type_pair(place, "compare", "units=8")["n"] == 8
    assert type_pair(place, "compare", "--check", "compare")["verified"]
    lines = (root / "timing.jsonl").read_text().splitlines()
    assert '{"event": "calls", "poli' in lines, "what was torn stays alone in its line"


@pytest.mark.parametrize("torn", ['{"event": "ru', "{}", "3", "\udcff"])
def test_a_torn_line_of_times_stops_nothing(place: Path, torn: str) -> None:
    root = place / "runs/compare"
    before = StoredRun.read_folder(root)
    with (root / "timing.jsonl").open("ab") as file:
        file.write(torn.encode(errors="surrogateescape"))
    assert StoredRun.read_folder(root).times == before.times
    (root / "seal.json").unlink()
    type_pair(place, "compare")
    assert type_pair(place, "compare", "--check", "compare")["verified"]


def test_other_policies_are_refused_and_the_seal_stays(place: Path) -> None:
    answer = type_pair(place, "compare", "toy_weak", "toy_weak", code=2)
    assert "holds another experiment" in answer["error"]["message"]
    assert type_pair(place, "compare", "--check", "compare")["verified"]


def test_rows_that_are_no_evidence_are_called_so(place: Path) -> None:
    path = place / "runs/compare/config.yaml"
    path.write_text(path.read_text().replace("batch_dependent: false", "batch_dependent: true"))
    report = build_report(StoredRun.read_folder(place / "runs/compare"))
    (note,) = report.values["notes"]
    assert "differences may be rounding" in note
    assert report.page.endswith(f"\n{note}\n")
    assert note in report.lines


@pytest.mark.parametrize("name", ["episodes.parquet", "steps.parquet", "config.yaml"])
def test_an_edited_file_is_found_and_refused(place: Path, name: str) -> None:
    path = place / "runs/compare" / name
    data = path.read_bytes()
    path.write_bytes(data.replace(b"target: 10", b"target: 30") if name[0] == "c" else data + b" ")
    wrong = failed(type_pair(place, "compare", "--check", "compare", code=4))
    assert name in wrong["seal"]


def test_an_edited_table_is_refused_and_made_again_from_episodes(place: Path) -> None:
    root = place / "runs/compare"
    before = read_tables(root)
    (root / "episodes.parquet").write_bytes(before["episodes"] + b" ")
    message = type_pair(place, "compare", code=2)["error"]["message"]
    assert "is not what its run left behind. episodes.parquet" in message
    assert "remove runs/compare/seal.json" in message
    (root / "seal.json").unlink()
    type_pair(place, "compare")
    assert read_tables(root) == before
    assert type_pair(place, "compare", "--check", "compare")["verified"]


def test_an_edited_report_is_found(place: Path) -> None:
    root = place / "runs/pilot"
    report = json.loads((root / "report.json").read_text())
    (root / "report.json").write_text(json.dumps(report | {"answer": "do not switch"}))
    (root / "report.md").write_text((root / "report.md").read_text().replace("6", "7"))
    wrong = failed(type_pair(place, "pilot", "--check", "pilot", code=4))
    assert set(wrong) == {"numbers", "page"}
    assert "answer: reported do not switch" in wrong["numbers"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("compare toy_weak", "Two policies are compared. Got: 1 (toy_weak)."),
        ("compare toy_weak toy_strong toy_weak", "Two policies are compared. Got: 3"),
        ("compare toy_weak toy_wek", "Unknown policy 'toy_wek'"),
        ("compare toy_weak toy_strong policy@a=toy_weak", "The policy 'a' is named twice"),
        ("compare units=0", "'units' must be an integer of at least 1. Got: 0."),
        ("compare slots=0", "'slots' must be an integer of at least 1. Got: 0."),
        ("compare target=0", "'target' must be a number from 0.1 to 99.0. Got: 0."),
        ("compare target=120", "'target' must be a number from 0.1 to 99.0. Got: 120."),
        ("compare alpha=1", "'alpha' must lie between 0 and 1, without both. Got: 1."),
        ("compare power=2", "'power' must be a number from 0.0 to 1.0. Got: 2."),
        ("compare --check nowhere", "Unknown run 'nowhere' in runs/"),
        ("compare --check compare units=3", "--check takes the name or folder of a run and no"),
        ("pilot toy_strong", "Two policies are compared. Got: 1 (toy_strong)."),
        ("pilot tick=40", "'tick' must leave something of an episode, which has 40 control steps"),
        ("pilot tick=-1", "'tick' must be an integer of at least 0. Got: -1."),
        ("pilot precision=0", "'precision' must lie between 0 and 1, without both. Got: 0."),
        ("pilot recall=1", "'recall' must lie between 0 and 1, without both. Got: 1."),
        ("pilot study=0", "'study' must be an integer of at least 1. Got: 0."),
        ("pilot placebo=3", "'placebo' must be true or false. Got: 3."),
    ],
)
def test_bad_input_is_refused_before_anything_is_played(
    played: Path, words: str, says: str
) -> None:
    answer = type_pair(
        played, *words.split(), "name=new" if "--check" not in words else "--json", code=2
    )
    assert says in answer["error"]["message"]
    assert not (played / "runs/new").exists()


def test_a_folder_of_the_other_command_is_not_taken_for_ones_own(played: Path) -> None:
    wrong = failed(type_pair(played, "compare", "--check", "pilot", code=4))
    assert set(wrong) == {"tables"}
