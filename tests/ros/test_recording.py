"""Recordings of `aegis ros node`: replayed bit for bit, read by others, spoilt, and a full disk."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rosbags.rosbag2 import Reader, StoragePlugin, Writer

from aegis.ros.message import cdr as m
from tests.ros.node_rig import STRONG, WEAK, Stage, open_stage, replay
from tests.ros.rig import await_truth

pytestmark = pytest.mark.ros
LONG = 5200
"""Decisions of the long run."""


def _play_everything(stage: Stage) -> None:
    """Plays lives with everything in it: hand-overs, an operator, a fault, late answers."""
    stage.drive("risk is 1")
    stage.await_command(lambda x: x == pytest.approx(STRONG), time.monotonic_ns())
    since = stage.peer.be(task="risk is 1, strong late 0.4")
    stage.await_command(lambda x: x == pytest.approx(WEAK), since)
    stage.peer.be(task="risk unknown")
    assert stage.take_over(True)["success"]
    stage.peer.be(operator=[-0.7] * 7)
    stage.await_command(lambda x: x == pytest.approx(-0.7), time.monotonic_ns())
    assert stage.take_over(False)["success"]
    stage.spoil(estop=True)
    stage.drive()
    stage.spoil(silent=["agentview"])


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording of three lives; between two of them the policies were loaded again."""
    folder = tmp_path_factory.mktemp("recording")
    with open_stage("kilted", folder, f"record={folder / 'bag'}") as stage:
        stage.drive()
        assert stage.change_state("deactivate")
        assert stage.change_state("cleanup")
        assert stage.change_state("configure")
        _play_everything(stage)
        assert stage.close() == 0
    return folder / "bag"


def test_replay_gives_every_decision_again(bag: Path) -> None:
    result = replay(bag)
    assert result["lives"] == 3
    assert result["decisions"] == result["equal"] > 30
    assert result["inferences"] > 10
    assert result["unequal_proposals"] == 0
    assert set(result["recorded"]) == {"weak", "strong", "operator"}
    assert replay(bag, "--as-recorded")["equal"] == result["equal"]


def test_bag_opens_without_us(bag: Path) -> None:
    with Reader(bag) as reader:
        topics = {one.topic: one.msgtype for one in reader.connections}
        counts = {one.topic: one.msgcount for one in reader.connections}
    assert topics["/agentview/image_raw"] == "sensor_msgs/msg/Image"
    assert topics["/aegis/command"] == "std_msgs/msg/Float64MultiArray"
    heard = ("/joint_states", "/aegis/estop", "/aegis/decisions", "/aegis/operator", "/aegis/task")
    assert all(counts[topic] > 0 for topic in heard)


_Message = tuple[str, int, bytes]


def _rewrite(bag: Path, to: Path, change: Callable[[list[_Message]], list[_Message]]) -> Path:
    """Writes a bag again, with a change, as nobody who reads files by their sums can tell."""
    with Reader(bag) as reader:
        kinds = {one.topic: one.msgtype for one in reader.connections}
        found = [(one.topic, when, bytes(raw)) for one, when, raw in reader.messages()]
    with Writer(to, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        known = {
            topic: writer.add_connection(topic, kind, typestore=m.load_types())
            for topic, kind in kinds.items()
        }
        for topic, when, raw in change(found):
            writer.write(known[topic], when, raw)
    return to


def _flip(messages: list[_Message], number: int, place: int) -> list[_Message]:
    topic, when, raw = messages[number]
    changed = bytearray(raw)
    changed[place] ^= 0x10
    return [*messages[:number], (topic, when, bytes(changed)), *messages[number + 1 :]]


def _find_used(messages: list[_Message], topic: str) -> int:
    """Returns the number of a message that a question to a policy was put on."""
    offset = next(
        m.decode_json(raw, name)["clock_offset"]
        for name, _, raw in messages
        if name == "/aegis/configuration"
    )
    rows = [m.decode_json(raw, name) for name, _, raw in messages if name == "/aegis/decisions"]
    # Of what was asked, and answered while that life went on.
    asked = [row for row in rows if row.get("asked") == ["weak"] and row["mode"] == "weak"]
    used = asked[2]["used"][topic]
    full = topic if topic.startswith("/") else f"/{topic}"
    return next(
        i for i, (name, when, _) in enumerate(messages) if name == full and when - offset == used
    )


def _edit_picture(messages: list[_Message]) -> list[_Message]:
    return _flip(messages, _find_used(messages, "agentview/image_raw"), -500)


def _edit_state(messages: list[_Message]) -> list[_Message]:
    number = _find_used(messages, "joint_states")
    # Position of x: the third of five doubles, before empty velocities and efforts.
    end = messages[number][2].rindex(b"\0\0\0\0\0\0\0\0")
    assert end > 0
    return _flip(messages, number, len(messages[number][2]) - 8 - 3 * 8 + 6)


def _edit_decision(messages: list[_Message]) -> list[_Message]:
    for number, (name, _, raw) in enumerate(messages):
        if name == "/aegis/decisions" and b'"action":"' in raw:
            place = raw.index(b'"action":"') + 12
            changed = raw[:place] + (b"1" if raw[place:][:1] != b"1" else b"2") + raw[place + 1 :]
            return [
                *messages[:number],
                (name, messages[number][1], changed),
                *messages[number + 1 :],
            ]
    raise AssertionError("no decision")


@pytest.mark.parametrize("edit", [_edit_picture, _edit_state, _edit_decision])
def test_edit_of_one_byte_is_found(
    bag: Path, tmp_path: Path, edit: Callable[[list[_Message]], list[_Message]]
) -> None:
    same = replay(_rewrite(bag, tmp_path / "same", list))
    assert same["equal"] == same["decisions"]
    result = replay(_rewrite(bag, tmp_path / "edited", edit))
    assert result["equal"] < result["decisions"] or result["unequal_proposals"]


@contextlib.contextmanager
def _small_disk(folder: Path, size: str) -> Iterator[Path]:
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("a small disk needs the right to mount")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)


@pytest.mark.parametrize("failure", ["stop", "continue"])
def test_full_disk(tmp_path: Path, failure: str) -> None:
    with _small_disk(tmp_path / "disk", "3m") as disk:
        settings = (f"record={disk / 'bag'}", f"record_failure={failure}")
        with open_stage("jazzy", tmp_path, *settings) as stage:
            stage.drive()
            begun = time.monotonic_ns()
            if failure == "stop":
                _, status = stage.await_status(begun, life="fault")
                assert "recording failed" in status["fault"]
                assert "No space left" in status["fault"]
                assert not stage.ask("reset")[0]
            else:
                parts = await_truth(lambda: _list_full(stage), "diagnostics of a full disk")
                assert parts[-1][0] == 2
                since = time.monotonic_ns()
                await_truth(lambda: len(stage.list_commands(since)) > 20, "commands")
                assert stage.status["life"] == "active"
            assert stage.close() == 0
        with contextlib.suppress(AssertionError):
            replay(disk / "bag")


def _list_full(stage: Stage) -> list[Any]:
    heard = [one["aegis: recorder"] for _, one in stage.peer.list_heard("diagnostics")]
    return [part for part in heard if "No space left" in part[1]]


@pytest.mark.slow
def test_thousands_of_decisions(tmp_path: Path) -> None:
    """A robot at 50 Hz, one life after the other."""
    bag = tmp_path / "bag"
    settings = ("contract.rate=50", f"record={bag}")
    with open_stage("jazzy", tmp_path, *settings) as stage:
        stage.peer.be(rate=50)
        lives = 0
        while _count_decisions(stage) < LONG:
            _play_everything(stage)
            lives += 2
            stage.drive("risk is 1")
            count = _count_decisions(stage)
            await_truth(lambda count=count: _count_decisions(stage) > count + 400, "decisions")
            stage.spoil(deadman=False)
            lives += 1
        assert stage.close() == 0
    result = replay(bag)
    print(
        f"\n{result['equal']} of {result['decisions']} decisions equal in {result['lives']} lives"
    )
    assert result["lives"] >= lives
    assert result["decisions"] == result["equal"] >= LONG
    assert result["unequal_proposals"] == 0


def _count_decisions(stage: Stage) -> int:
    return sum("k" in row for _, row in stage.peer.list_heard("decisions"))
