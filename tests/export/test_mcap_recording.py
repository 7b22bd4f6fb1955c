"""MCAP files hold the run at the times of its ticks; damage is found."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from mcap.reader import make_reader

from aegis.core.types import F64
from aegis.export.foxglove import SCHEMAS, find_quaternion, make_time
from aegis.export.mcap_recording import McapRecording
from aegis.records.store import RunTables
from tests.export.exported import ORIGIN, VIEW, check, export, list_episodes


@pytest.fixture
def recording(run: RunTables, tmp_path: Path) -> McapRecording:
    recording = McapRecording(tmp_path, ORIGIN, VIEW)
    export(run, recording)
    return recording


def test_files_hold_the_run(run: RunTables, recording: McapRecording) -> None:
    (result,) = check(run, recording)
    assert result.passed, result.detail
    assert result.count == sum(row.steps for row in run.episodes)


def test_every_tick_has_its_messages_at_its_time(run: RunTables, recording: McapRecording) -> None:
    one, *_ = list_episodes(run)
    with (recording.folder / "episode-000000.mcap").open("rb") as file:
        reader = make_reader(file)
        messages = list(reader.iter_messages())
        notes = {note.name: note.metadata for note in reader.iter_metadata()}
    counts = Counter(channel.topic for _, channel, _ in messages)
    topics = ("/decision", "/risk", "/camera/agentview", "/camera/wrist")
    assert counts == dict.fromkeys(topics, one.row.steps)
    assert {message.log_time for *_, message in messages} == {
        k * 50_000_000 for k in range(one.row.steps)
    }
    assert notes["aegis"]["episode"] == str(one.row.key)
    for schema, channel, message in messages:
        assert channel.message_encoding == "json"
        assert schema is not None
        described = json.loads(schema.data)["properties"]
        content = json.loads(message.data)
        if schema.name.startswith("foxglove."):
            assert schema.name in SCHEMAS
            assert content.keys() == described.keys()


def test_a_flipped_byte_is_found(run: RunTables, recording: McapRecording) -> None:
    path = recording.folder / "episode-000001.mcap"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    (result,) = check(run, recording)
    assert not result.passed
    assert "episode-000001.mcap is missing or damaged" in result.detail


def test_what_is_there_is_not_drawn_again(run: RunTables, recording: McapRecording) -> None:
    path = recording.folder / "episode-000000.mcap"
    data = path.read_bytes()
    path.unlink()
    assert export(run, recording) == 1
    assert path.read_bytes() == data, "to the same bytes"


@given(hnp.arrays(np.float64, 4, elements=st.floats(-1, 1)).filter(lambda q: (q**2).sum() > 0.01))
def test_a_quaternion_turns_as_its_matrix_does(quaternion: F64) -> None:
    x, y, z, w = quaternion / np.linalg.norm(quaternion)
    turn = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    found = np.array([find_quaternion(turn)[name] for name in "xyzw"])
    assert abs(found @ np.array([x, y, z, w])) > 1 - 1e-9, "equal up to the sign"


@given(st.integers(0, 10**15))
def test_a_time_is_whole_seconds_and_the_rest(stamp: int) -> None:
    time = make_time(stamp)
    assert time["sec"] * 10**9 + time["nsec"] == stamp
    assert 0 <= time["nsec"] < 10**9
