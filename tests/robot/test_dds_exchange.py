"""Two processes without any ROS, over Cyclone DDS on loopback: all messages arrive as they were."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rosbags.interfaces import Nodetype

from aegis.core.errors import ConfigError, MachineError
from aegis.ros.contract.parts import COMMAND_TYPES, OPERATOR_TYPES, PICTURE_TYPES, STATE_TYPES
from aegis.ros.message import cdr as m
from aegis.ros.wire.process import WireProcess, WireTopic
from aegis.runtime.bus import Bus, BusTopic
from tests.ros.conftest import take_domain
from tests.ros.rig import PATIENCE, await_truth

KINDS = sorted(
    {*COMMAND_TYPES, *OPERATOR_TYPES, *PICTURE_TYPES, *STATE_TYPES}
    | {m.BOOL, m.STRING, m.EMPTY, m.BYTES, m.DIAGNOSTICS}
)
BEST_EFFORT = (m.IMAGE, m.COMPRESSED_IMAGE)
_NUMBERS = {"bool": True, "float32": 0.5, "float64": -1.25}


def make_value(kind: str, length: int) -> Any:
    """Returns a message in which every field holds something, and every list so many entries."""
    fields = m.load_types().fielddefs[kind][1]
    return m.build_message(kind, **{name: make_field(field, length) for name, field in fields})


def make_field(field: Any, length: int) -> Any:
    node, given = field
    if node is Nodetype.NAME:
        return make_value(given, length)
    if node is Nodetype.BASE:
        return "x" * length if given[0] == "string" else _NUMBERS.get(given[0], 7)
    inner, count = given
    values = [make_field(inner, length) for _ in range(count or length)]
    plain = inner[0] is Nodetype.BASE and inner[1][0] != "string"
    return np.array(values, inner[1][0].replace("byte", "uint8")) if plain else values


def name_topic(kind: str) -> str:
    return "/all/" + kind.rpartition("/")[2]


class End:
    """A process over Cyclone DDS, and its bus."""

    def __init__(self, name: str, wired: Sequence[WireTopic], arguments: Sequence[str]) -> None:
        bells = {topic.name: ("wire",) for topic in wired if topic.direction == "out"}
        self.bus = Bus.create(
            [BusTopic(one.name, 4000, 32, bells=bells.get(one.name, ())) for one in wired]
            + [BusTopic("bell", 8, 1, bells=("wire",))]
        )
        self.wired = wired
        self.process = WireProcess(sys.executable, name, "/arm", False, arguments, "cyclonedds")

    def connect(self, services: bool = False) -> None:
        self.process.connect(self.bus, self.wired, services, PATIENCE)

    def write(self, topic: str, raw: bytes) -> None:
        self.bus.write_message(topic, raw, time.monotonic_ns())

    def list_bus(self, topic: str) -> list[bytes]:
        entries, _ = self.bus.list_entries(topic, 0)
        return [raw for raw in map(self.bus.read_body, entries) if raw is not None]


def list_wired(direction: str) -> list[WireTopic]:
    """Returns the topics of one end."""
    says = direction == "out"
    wired = [
        WireTopic(name_topic(kind), kind, direction, reliable=kind not in BEST_EFFORT, depth=5)
        for kind in KINDS
    ]
    latched = "~/status" if says else "/arm/left/status"
    return [
        *wired,
        WireTopic(latched, m.STRING, direction, latched=True, depth=1),
        WireTopic("note" if says else "/world/note", m.STRING, direction),
        WireTopic("/odd/type", m.STRING if says else m.BOOL, direction),
        WireTopic("/odd/quality", m.STRING, direction, reliable=not says),
    ]


@pytest.fixture(scope="module")
def ends() -> Iterator[tuple[End, End]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROS_DOMAIN_ID", take_domain())
        patch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
        rules = ["-r", "__node:=left", "-r", "note:=/world/note", "-p", "gate.levels:=[0.1, 2]"]
        left = End("named_otherwise", list_wired("out"), ["--ros-args", *rules])
        right = End("right", list_wired("in"), [])
        try:
            assert left.process.read_parameters(PATIENCE) == {"gate.levels": [0.1, 2]}
            assert right.process.read_parameters(PATIENCE) == {}
            left.write("~/status", m.encode_message(m.STRING, data="older"))
            left.write("~/status", m.encode_message(m.STRING, data="newest"))
            left.connect(services=True)
            right.connect()
            yield left, right
        finally:
            left.process.close()
            right.process.close()


def test_messages_of_all_types_arrive_with_the_same_bytes(ends: tuple[End, End]) -> None:
    left, right = ends
    for length in range(5):  # Of all lengths that the padding may have.
        sent = {
            kind: m.load_types().serialize_cdr(make_value(kind, length), kind) for kind in KINDS
        }

        def look(sent: dict[str, memoryview] = sent) -> bool:
            missing = [
                kind for kind, raw in sent.items()
                if bytes(raw) not in right.list_bus(name_topic(kind))
            ]  # fmt: skip
            for kind in missing:
                left.write(name_topic(kind), bytes(sent[kind]))
            time.sleep(0.1)
            return not missing

        await_truth(look, f"messages with {length} entries")


def test_latched_message_of_before_arrives_late_and_only_the_newest(ends: tuple[End, End]) -> None:
    _, right = ends
    heard = await_truth(lambda: right.list_bus("/arm/left/status"), "the status")
    assert heard == [m.encode_message(m.STRING, data="newest")]


def test_names_follow_remappings(ends: tuple[End, End]) -> None:
    left, right = ends
    rows = [m.encode_message(m.STRING, data=f"row {number}") for number in range(20)]

    def look() -> bool:
        left.write("note", rows[0])
        time.sleep(0.1)
        return bool(right.list_bus("/world/note"))

    await_truth(look, "the first")
    for raw in rows[1:]:
        left.write("note", raw)
        time.sleep(0.001)
    await_truth(lambda: rows[-1] in right.list_bus("/world/note"), "the last")
    heard = right.list_bus("/world/note")
    assert [raw for raw in heard if raw != rows[0]] == rows[1:]


def test_what_is_missing_and_who_does_not_fit_is_said(ends: tuple[End, End]) -> None:
    left, right = ends

    def find(end: End, words: str) -> list[str]:
        return [line for line in end.process.list_lines() if words in line]

    assert find(left, "neither services nor a lifecycle")
    assert not find(right, "neither services nor a lifecycle")
    await_truth(lambda: find(right, "type is std_msgs::msg::dds_::String_, ours is std"), "types")
    await_truth(lambda: find(right, "'/odd/quality' is there"), "the quality")
    await_truth(lambda: find(left, "'/odd/quality' is there"), "the quality")
    assert "reliability or durability" in find(right, "'/odd/quality' is there")[0]
    assert len(find(right, "is there, but")) == 2


def test_what_cannot_be_carried_is_refused_with_topic_and_type() -> None:
    end = End("left", [WireTopic("/grip", "hand_msgs/msg/Grip", "in")], [])
    end.process.read_parameters(PATIENCE)
    words = "cyclonedds refuses: topic '/grip' of type 'hand_msgs/msg/Grip'.*transport=rclpy"
    with pytest.raises(ConfigError, match=words):
        end.connect()
    assert not end.process.is_alive()


def test_interpreter_without_the_packages_is_said(tmp_path: Path) -> None:
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')  # Without its packages.
    bare.chmod(0o755)
    wire = WireProcess(str(bare), "left", "", False, [], "cyclonedds")
    with pytest.raises(
        MachineError, match=r"has no (cyclonedds|yaml|numpy).*aegis-escalation\[dds\]"
    ):
        wire.read_parameters(PATIENCE)
    assert not wire.is_alive()
