"""Recorder: a bag holds each byte that lay on the bus, in order and time; a full disk is said."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from rosbags.rosbag2 import Reader

from aegis.core.errors import ConfigError
from aegis.ros.message import cdr as m
from aegis.ros.recorder import CONFIGURATION, Recorder, resolve_topic
from aegis.ros.topics import Topic
from aegis.runtime.bus import Bus
from tests.robot.kit import await_truth, text

TOPICS = (
    Topic("/arm/joints", m.BYTES, "in", size=1_000_000),
    Topic("camera/image", m.BYTES, "in", size=100),
    Topic("~/status", m.STRING, "out", size=100),
)
NAMES = {
    "/arm/joints": "/arm/joints",
    "camera/image": "/ns/camera/image",
    "~/status": "/ns/aegis/status",
}


@pytest.fixture
def bus() -> Iterator[Bus]:
    bus = Bus.create([topic.build_bus_topic() for topic in TOPICS])
    yield bus
    bus.close()


def open_recorder(path: Path, bus: Bus) -> Recorder:
    return Recorder(path, bus, TOPICS, "/ns/aegis", {"config": "seed: 3\n", "versions": {"a": "1"}})


def read_bag(path: Path) -> tuple[dict[str, object], list[tuple[str, str, int, bytes]]]:
    """Returns what a bag says of itself, and its messages: topic, type, time and bytes."""
    with Reader(path) as reader:
        rows = [
            (connection.topic, connection.msgtype, time, bytes(raw))
            for connection, time, raw in reader.messages()
        ]
    about = resolve_topic(CONFIGURATION, "/ns/aegis")
    (facts,) = [raw for topic, _, _, raw in rows if topic == about]
    return m.decode_json(facts, about), [row for row in rows if row[0] != about]


def test_a_bag_gives_back_bytes_order_and_times(tmp_path: Path, bus: Bus) -> None:
    bus.write_message("~/status", text("before"), 1)
    recorder = open_recorder(tmp_path / "bag", bus)
    written = [("~/status", 1, text("before"))]
    for i in range(200):
        name = TOPICS[i % 3].name
        raw = text(f"said {i}") if name == "~/status" else m.encode_bytes(bytes(range(i % 50)))
        bus.write_message(name, raw, 10 + i)
        written.append((name, 10 + i, raw))
        if i % 50 == 0:
            await_truth(lambda: recorder.written == len(written), "what was written")
    recorder.close()
    assert (recorder.fault, recorder.lost, recorder.written) == ("", 0, 201)
    facts, rows = read_bag(tmp_path / "bag")
    offset = facts["clock_offset"]
    assert isinstance(offset, int)
    kinds = {topic.name: topic.type for topic in TOPICS}
    assert rows == [(NAMES[name], kinds[name], when + offset, raw) for name, when, raw in written]
    assert (facts["node"], facts["config"]) == ("/ns/aegis", "seed: 3\n")
    assert facts["versions"] == {"a": "1"}


def test_what_was_overwritten_is_said(tmp_path: Path, bus: Bus) -> None:
    for i in range(100):
        bus.write_message("camera/image", m.encode_bytes(bytes([i])), i)
    recorder = open_recorder(tmp_path / "bag", bus)
    await_truth(lambda: recorder.written == 64, "all that was there")
    assert recorder.fault == "recording is too slow: 36 messages are lost"
    recorder.close()
    assert len(read_bag(tmp_path / "bag")[1]) == 64


def test_a_start_that_failed_leaves_nothing_in_the_way_of_the_next(
    tmp_path: Path, bus: Bus
) -> None:
    for _ in range(2):
        bus.write_message("~/status", text("unconfigured"), 1)
        open_recorder(tmp_path / "bag", bus).close()
        assert not (tmp_path / "bag").exists()


def test_a_folder_that_exists_or_cannot_be_made_is_refused(tmp_path: Path, bus: Bus) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "file", tmp_path / "file" / "bag"):
        with pytest.raises(ConfigError, match=f"No bag can be written to {path}: "):
            open_recorder(path, bus)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of two megabytes."""
    path = tmp_path / "disk"
    path.mkdir()
    mount = shutil.which("mount")
    made = (
        mount and subprocess.run([mount, "-t", "tmpfs", "-o", "size=2m", "none", path]).returncode
    )
    if made != 0:
        pytest.skip("only root can make a small file system")
    yield path
    subprocess.run(["umount", "-l", path], check=True)


def test_a_full_disk_is_a_fault_and_no_error(small_disk: Path, bus: Bus) -> None:
    recorder = open_recorder(small_disk / "bag", bus)
    count = 0

    def write_more() -> bool:
        nonlocal count
        if recorder.written >= count and not recorder.fault:
            bus.write_message("/arm/joints", m.encode_bytes(bytes(900_000)), count)
            count += 1
        return bool(recorder.fault)

    await_truth(write_more, "a full disk")
    assert recorder.fault == "recording failed: No space left on device"
    assert count < 10
    recorder.close()
    assert recorder.fault == "recording failed: No space left on device"


def test_whatever_ends_the_writing_is_a_fault(tmp_path: Path, bus: Bus) -> None:
    recorder = open_recorder(tmp_path / "bag", bus)
    recorder._writer.close()
    bus.write_message("~/status", text("late"), 1)
    await_truth(lambda: recorder.fault, "a fault")
    assert recorder.fault.startswith("recording failed: ")
    recorder.close()


@pytest.mark.parametrize(
    ("name", "full"),
    [("~/a", "/ns/aegis/a"), ("/a", "/a"), ("a/b", "/ns/a/b")],
)
def test_names_are_resolved_as_ros_does(name: str, full: str) -> None:
    assert resolve_topic(name, "/ns/aegis") == full
    assert resolve_topic("a", "/aegis") == "/a"
