"""Tables: distilled from a run, written and read back the same, refused when damaged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aegis.core.errors import TraceError
from aegis.records.rows import EpisodeRow
from aegis.records.schemas import EPISODE_SCHEMA, STEP_SCHEMA, build_episode_table
from aegis.study.play.small_tables import (
    EVENTS,
    SCORES,
    StudyTables,
    map_events,
    write_forks,
    write_small_tables,
)
from tests.study.rows import fork_rows, rows

STEPS_EACH = 60


def make_moving_steps(row: EpisodeRow, truth: bool) -> list[dict[str, object]]:
    """Returns steps of a hand that closes on nothing at tick 40, as simulators log them."""
    found = []
    for k in range(row.steps):
        hand = [0.03 * np.sin(k / 3), 0.0, max(0.4 - 0.35 * k / 30, 0.06)]
        finger = 0.04 if k < 40 else 0.002
        seen = [("object_pos", [0.0, 0.0, 0.0]), ("target_pos", [0.3, 0.0, 0.0])]
        found.append(
            {
                **dict.fromkeys(STEP_SCHEMA.names), "task": row.task, "start": row.start,
                "index": row.index, "arm": row.arm, "k": k, "active": "weak",
                "boundary": k % 5 == 0, "scores": [("probe", k / 100)] if k % 5 == 0 else [],
                "truth": [*seen, ("touch", [0.0, 0.0])] if truth else [],
                "proprio": [*hand, 0.0, 0.0, 0.0, finger, -finger],
            }
        )  # fmt: skip
    return found


def make_run(root: Path, *, truth: bool = True) -> list[EpisodeRow]:
    weak = [replace(row, steps=STEPS_EACH) for row in rows("weak", "0110")]
    ours = [replace(row, steps=STEPS_EACH) for row in rows("ours", "1111")]
    episodes = sorted([*weak, *ours], key=lambda row: (row.task, row.start, row.index, row.arm))
    steps = [step for row in episodes for step in make_moving_steps(row, truth)]
    pq.write_table(
        build_episode_table(episodes), root / "episodes.parquet", write_page_checksum=True
    )
    table = pa.Table.from_pylist(steps, schema=STEP_SCHEMA)
    pq.write_table(table, root / "steps.parquet", write_page_checksum=True)
    return episodes


def test_distilled_tables_hold_boundaries_and_events(tmp_path: Path) -> None:
    episodes = make_run(tmp_path)
    write_small_tables(tmp_path, ["weak"], "weak")
    found = StudyTables.read_folder(tmp_path)
    assert list(found.episodes) == episodes
    assert set(found.scores.column("arm").to_pylist()) == {"weak"}
    assert found.scores.num_rows == 4 * STEPS_EACH / 5
    assert found.scores.column("scores")[1].as_py() == [("probe", 0.05)]
    pose = found.scores.column("proprio")[1].as_py()
    assert np.allclose(
        pose, make_moving_steps(episodes[0], truth=True)[5]["proprio"], atol=1 / 2048
    )  # type: ignore[arg-type]
    events = map_events(found.events)
    assert [events[0, "wide", i].kind for i in (0, 1)] == ["missed", ""]
    assert [events[0, "wide", i].k for i in (0, 1)] == [40, -1]
    assert len(events) == 4
    assert found.forks == ()


def test_equal_runs_give_equal_bytes(tmp_path: Path) -> None:
    contents = []
    for name in ("one", "two"):
        root = tmp_path / name
        root.mkdir()
        episodes = make_run(root)
        write_small_tables(root, ["weak", "ours"], "weak")
        forks = fork_rows(episodes)
        write_forks(root, forks if name == "one" else forks[::-1])
        names = ("scores", "events", "forks")
        scores = StudyTables.read_folder(root).scores
        unkept = [r["proprio"] is None for r in scores.to_pylist()]
        assert unkept == [r["arm"] != "weak" for r in scores.to_pylist()]
        contents.append([(root / f"{table}.parquet").read_bytes() for table in names])
    assert contents[0] == contents[1]
    found = StudyTables.read_folder(tmp_path / "one").forks
    assert set(found) == set(fork_rows(make_run(tmp_path / "one")))


def test_without_truth_there_are_no_events(tmp_path: Path) -> None:
    make_run(tmp_path, truth=False)
    write_small_tables(tmp_path, ["weak"], "weak")
    assert StudyTables.read_folder(tmp_path).events.num_rows == 0


def test_missing_tables_are_empty_and_damaged_ones_refused(tmp_path: Path) -> None:
    make_run(tmp_path)
    found = StudyTables.read_folder(tmp_path)
    assert found.scores.schema == SCORES
    assert found.events.schema == EVENTS
    assert found.scores.num_rows == found.events.num_rows == 0
    pq.write_table(EPISODE_SCHEMA.empty_table(), tmp_path / "scores.parquet")
    with pytest.raises(TraceError, match="other columns"):
        StudyTables.read_folder(tmp_path)
    (tmp_path / "scores.parquet").write_bytes(b"no table")
    with pytest.raises(TraceError, match="missing or damaged"):
        StudyTables.read_folder(tmp_path)


def test_steps_that_are_missing_are_noticed(tmp_path: Path) -> None:
    make_run(tmp_path)
    table = pq.read_table(tmp_path / "steps.parquet")
    pq.write_table(table.slice(1), tmp_path / "steps.parquet")
    with pytest.raises(TraceError, match="Make the tables again"):
        write_small_tables(tmp_path, ["ours", "weak"], table.column("arm")[0].as_py())
