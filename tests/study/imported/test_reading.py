"""Files of other harnesses: what is read of them, and what is refused by name."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis.core.errors import TraceError
from aegis.study.imported.fields import take_flag, take_number
from aegis.study.imported.reading import read_results
from aegis.study.imported.results import EpisodeAddress, ImportedEpisode, number_repetitions

TABLES = """
CREATE TABLE eval_metadata (eval_id TEXT, safe_name TEXT, metadata TEXT);
CREATE TABLE episode_results (
    sid TEXT, eid TEXT, eval_id TEXT, task_name TEXT, episode_id INTEGER, status TEXT,
    metrics TEXT, steps INTEGER, elapsed_sec REAL, context TEXT, jsonl_path TEXT,
    failure_reason TEXT, failure_detail TEXT);
"""
"""As vla-eval 0.8.0 writes them."""
SUITE = "libero_spatial"


def write_recording(
    path: Path, rows: list[tuple[int, int, bool, str | None]], **params: object
) -> Path:
    """Writes a recording; rows are task, start state, success and reason of failure."""
    metadata = {"benchmark": "LIBERO", "mode": "sync", "config": {"params": params}}
    with sqlite3.connect(path) as connection:
        connection.executescript(TABLES)
        connection.execute(
            "INSERT INTO eval_metadata VALUES (?, ?, ?)", ("e", "LIBERO", json.dumps(metadata))
        )
        for task, index, success, failure in rows:
            context = {"suite": SUITE, "task_id": task, "episode_idx": index, "task_idx": task}
            status = "error" if failure else "success" if success else "fail"
            values = ("s", "i", "e", f"do {task}", index, status, json.dumps({"success": success}))
            connection.execute(
                f"INSERT INTO episode_results VALUES ({', '.join('?' * 13)})",
                (*values, 70, 1.0, json.dumps(context), None, failure, None),
            )
    connection.close()
    return path


def write_eval_info(path: Path, successes: dict[int, list[Any]]) -> Path:
    """Writes what lerobot-eval writes: task to successes."""
    tasks = [
        {"task_group": SUITE, "task_id": task, "metrics": {"successes": found}}
        for task, found in successes.items()
    ]
    path.write_text(json.dumps({"per_task": tasks, "overall": {"pc_success": float("nan")}}))
    return path


def test_a_recording_is_read_and_left_alone(tmp_path: Path) -> None:
    path = write_recording(tmp_path / "r", [(0, 1, False, None), (0, 0, True, None)], seed=7)
    before = path.read_bytes()
    got = read_results(str(path))
    assert [(one.address.index, one.success) for one in got.episodes] == [(0, True), (1, False)]
    assert got.episodes[0].instruction == "do 0"
    assert got.episodes[0].steps == 70
    assert got.conditions["params.seed"] == "7"
    assert path.read_bytes() == before


def test_an_item_that_was_done_again_counts_once(tmp_path: Path) -> None:
    rows = [(0, 0, False, "timeout"), (0, 1, True, None), (0, 0, True, None)]
    got = read_results(str(write_recording(tmp_path / "r", rows)))
    assert [(one.address.index, one.success, one.error) for one in got.episodes] == [
        (0, True, ""),
        (1, True, ""),
    ]


def test_an_aggregate_says_the_same_as_its_recording(tmp_path: Path) -> None:
    rows = [(0, 0, True, None), (0, 1, False, None), (1, 0, False, "timeout")]
    recording = read_results(str(write_recording(tmp_path / "r", rows, seed=7)))
    episodes = [
        {
            "episode_id": index,
            "metrics": {"success": success},
            "steps": 70,
            "suite": SUITE,
            "task_id": task,
            "episode_idx": index,
            **({"failure_reason": failure} if failure else {}),
        }
        for task, index, success, failure in rows
    ]
    content = {
        "benchmark": "LIBERO",
        "mode": "sync",
        "config": {"params": {"seed": 7}},
        "tasks": [
            {"task": "do 0", "episodes": episodes[:2]},
            {"task": "do 1", "episodes": episodes[2:]},
        ],
    }
    path = tmp_path / "LIBERO_aggregate.json"
    path.write_text(json.dumps(content))
    got = read_results(str(path))
    assert got.episodes == recording.episodes
    assert got.conditions == recording.conditions


def test_lerobot_is_read_by_place_in_the_list(tmp_path: Path) -> None:
    write_eval_info(tmp_path / "eval_info.json", {3: [True, 0, 1.0], 0: [False]})
    got = read_results(str(tmp_path))
    found = [(one.address.task, one.address.index, one.success) for one in got.episodes]
    assert found == [(3, 0, True), (3, 1, False), (3, 2, True), (0, 0, False)]
    assert "with LeRobot 0.6.1 and --eval.batch_size=1" in got.assumption


def test_start_states_come_round_again(tmp_path: Path) -> None:
    path = write_eval_info(tmp_path / "eval_info.json", {0: [True] * 51})
    last = read_results(str(path)).episodes[-1].address
    assert (last.index, last.repetition) == (0, 1)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "missing or damaged"),
        ("[]", "holds a list"),
        ("{}", "Nobody known"),
        ('{"per_task": {}}', "per_task must be a list"),
        ('{"per_task": []}', "no episodes"),
        ('{"per_task": [{"task_group": "s", "task_id": -1}]}', "task_id must be a natural"),
        (
            '{"per_task": [{"task_group": "s", "task_id": 0, "metrics": {"successes": [2]}}]}',
            "successes[0] must be true or false",
        ),
        ('{"tasks": [{"task": "t", "episodes": [{"task_id": 0}]}]}', "suite must be a text"),
    ],
)
def test_what_is_damaged_is_named(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "result.json"
    path.write_text(content)
    with pytest.raises(TraceError, match=r"result\.json") as found:
        read_results(str(path))
    assert said in str(found.value)


def test_another_database_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "other.sqlite") as connection:
        connection.execute("CREATE TABLE t (x)")
    connection.close()
    with pytest.raises(TraceError, match="no recording of vla-eval"):
        read_results(str(tmp_path / "other.sqlite"))
    with pytest.raises(TraceError, match="Allowed: a recording"):
        read_results(str(tmp_path / "nothing"))


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), max_size=30))
def test_repetitions_make_every_address_one_of_a_kind(places: list[tuple[int, int]]) -> None:
    episodes = [ImportedEpisode(EpisodeAddress("s", task, at), True) for task, at in places]
    numbered = number_repetitions(episodes)
    addresses = [one.address for one in numbered]
    assert len(set(addresses)) == len(addresses)
    assert [(one.task, one.index) for one in addresses] == places


@given(st.one_of(st.none(), st.text(), st.floats(), st.integers(), st.booleans(), st.binary()))
def test_a_value_is_taken_or_refused_by_name(value: object) -> None:
    allowed = {
        take_flag: isinstance(value, bool | int | float) and value in (0, 1),
        take_number: type(value) is int and 0 <= value < 1 << 31,
    }
    for take, fits in allowed.items():
        if fits:
            assert take(value, "here") == value
        else:
            with pytest.raises(TraceError, match=r"^here must be"):
                take(value, "here")
