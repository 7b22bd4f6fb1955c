"""A node over Cyclone DDS, without any ROS in it, towards a genuine rclpy of Jazzy."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from aegis.ros.message import cdr as m
from aegis.ros.wire.process import WireProcess, WireTopic
from aegis.runtime.bus import Bus, BusTopic
from tests.ros.conftest import take_domain
from tests.ros.node_rig import HEALTHY, STRONG, WEAK, Stage
from tests.ros.rig import PATIENCE, ROOT, Peer, await_truth
from tests.ros.robot_side import find_python

pytestmark = pytest.mark.ros
_PERIOD = 0.05
_FIELDS: dict[str, dict[str, Any]] = {
    m.IMAGE: {
        "header": {"frame_id": "wrist", "stamp": {"sec": 3, "nanosec": 7}},
        "height": 48, "width": 64, "encoding": "rgb8", "step": 192,
        "data": [(7 * i) % 256 for i in range(48 * 192)],
    },
    m.JOINT_STATE: {"name": ["x", "finger"], "position": [0.5, -1.0]},
    m.BOOL: {"data": True},
    m.STRING: {"data": "go"},
    m.TWIST: {"header": {"frame_id": "base"}, "twist": {"linear": {"x": 0.25}}},
    m.FLOATS: {"data": [0.0, 1.5, -2.0]},
    m.TRAJECTORY: {"joint_names": ["a", "finger"]},
    m.DIAGNOSTICS: {"header": {"frame_id": "x"}},
    m.EMPTY: {},
}  # fmt: skip


class _DdsStage(Stage):
    """A stage whose node needs no ROS 2."""

    def begin_node(self, *arguments: str) -> None:
        super().begin_node("ros.transport=cyclonedds", f"ros.python={sys.executable}", *arguments)


def test_messages_pass_both_ways_with_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROS_DOMAIN_ID", take_domain())
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    wired = [WireTopic(_name("in", kind), kind, "in", kind != m.IMAGE) for kind in _FIELDS]
    wired += [WireTopic(_name("out", kind), kind, "out") for kind in _FIELDS]
    bells = {"in": (), "out": ("wire",)}
    bus = Bus.create([BusTopic(one.name, 20_000, 64, 0, bells[one.direction]) for one in wired])
    peer = Peer(find_python("jazzy"))
    wire = WireProcess(sys.executable, "aegis", "", False, [], "cyclonedds")
    try:
        wire.read_parameters(PATIENCE)
        wire.connect(bus, wired, False, PATIENCE)
        for kind in _FIELDS:
            peer.tell("subscribe", topic=_name("out", kind), type=kind)
        for kind, fields in _FIELDS.items():
            _pass_on(bus, peer, kind, fields)
    finally:
        wire.close()
        peer.close()


def _name(direction: str, kind: str) -> str:
    return f"/{direction}/{kind.rpartition('/')[2]}"


def _pass_on(bus: Bus, peer: Peer, kind: str, fields: dict[str, Any]) -> None:
    """Has the peer publish, and publishes the same; both must arrive as they were sent."""
    inward, outward = _name("in", kind), _name("out", kind)

    def publish() -> bool:
        peer.tell("publish", topic=inward, type=kind, fields=fields, reliable=kind != m.IMAGE)
        time.sleep(0.1)
        return bus.count_messages(inward) > 0

    await_truth(publish, f"{kind} from rclpy")
    sent = await_truth(lambda: peer.list_sent(inward), "what was sent")[0]
    entries, _ = bus.list_entries(inward, 0)
    arrived = {bus.read_body(entry) or b"" for entry in entries}
    assert len(arrived) == 1
    (raw,) = arrived
    # In gaps between fields, and behind the last, rclpy's copy holds anything.
    same = _encode_again(sent[: len(raw)], kind)
    assert _encode_again(raw, kind) == same

    def write() -> bool:
        bus.write_message(outward, same, time.monotonic_ns())
        time.sleep(0.1)
        return bool(peer.list_received(outward))

    await_truth(write, f"{kind} to rclpy")
    for raw in peer.list_received(outward):
        assert raw[:2] + raw[4:].ljust(len(same) - 4, b"\0")[: len(same) - 4] == same[:2] + same[4:]
        assert not any(raw[len(same) :])


def _encode_again(raw: bytes, kind: str) -> bytes:
    types = m.load_types()
    return bytes(types.serialize_cdr(m.decode_message(raw, kind, "test"), kind))


def test_rclpy_sees_a_node_with_topics_as_ros_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROS_DOMAIN_ID", take_domain())
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    script = ROOT / "tests/ros/peers/graph_peer.py"
    peer = subprocess.Popen(
        [find_python("jazzy"), str(script), "/arm", "aegis", "/arm/aegis/status"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert peer.stdout is not None
    bus = Bus.create([BusTopic("~/status", 100, 2, bells=("wire",))])
    wire = WireProcess(sys.executable, "aegis", "/arm", False, [], "cyclonedds")
    try:
        wire.read_parameters(PATIENCE)
        wire.connect(bus, [WireTopic("~/status", m.STRING, "out", latched=True, depth=1)], False)
        seen = json.loads(peer.stdout.readline())
        wire.close()
        assert json.loads(peer.stdout.readline()) == {"gone": True}
    finally:
        wire.close()
        peer.kill()
        peer.wait()
    assert (seen["node"], seen["type"]) == ("/arm/aegis", m.STRING)
    assert (seen["durability"], seen["reliability"]) == ("TRANSIENT_LOCAL", "RELIABLE")
    assert m.load_types().hash_rihs01(m.STRING).removeprefix("RIHS01_") in seen["hash"]


def test_peer_of_kilted_that_gets_nothing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROS_DOMAIN_ID", take_domain())
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    bus = Bus.create(
        [
            BusTopic("/pose", 400, 4),
            BusTopic("/front", 400, 4),
            BusTopic("bell", 8, 1, bells=("wire",)),
        ]
    )
    peer = Peer(find_python("kilted"))
    wire = WireProcess(sys.executable, "aegis", "", False, [], "cyclonedds")
    try:
        wire.read_parameters(PATIENCE)
        wired = [WireTopic("/pose", m.TWIST, "in"), WireTopic("/front", m.IMAGE, "in")]
        wire.connect(bus, wired, False, PATIENCE)

        def publish() -> bool:
            for topic, kind in (("/pose", m.TWIST), ("/front", m.IMAGE)):
                peer.tell("publish", topic=topic, type=kind, fields={})
            time.sleep(0.2)
            return any("as Kilted does" in line for line in wire.list_lines())

        await_truth(publish, "the complaint")
        await_truth(lambda: bus.count_messages("/pose"), "a message without sequences")
        assert not bus.count_messages("/front")
        told = [line for line in wire.list_lines() if "is there, but" in line]
        assert len(told) == 1
        assert "A publisher of '/front'" in told[0]
        assert "sensor_msgs::msg::dds_::Image_" in told[0]
    finally:
        wire.close()
        peer.close()


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_DdsStage]:
    stage = _DdsStage("jazzy", tmp_path_factory.mktemp("dds"))
    try:
        yield stage
        assert stage.close() == 0
    finally:
        stage.close()


def _ask(stage: Stage, request: str) -> dict[str, Any]:
    """Asks by JSON on a topic, since there are no services; returns the answer."""
    number = f"test {time.monotonic_ns()}"
    since = stage.peer.send("ask", data=json.dumps({"id": number, "request": request}))

    def look() -> dict[str, Any] | None:
        heard = [one for _, one in stage.peer.list_heard("answer", since)]
        return next((one for one in heard if one["id"] == number), None)

    return await_truth(look, f"an answer to {request}")  # type: ignore[return-value]


def _drive(stage: Stage) -> None:
    """Heals what is wrong, and has the node drive."""
    stage.peer.be(**HEALTHY)

    def approach() -> bool:
        life = stage.status.get("life")
        if life in ("fault", "inactive"):
            _ask(stage, "reset" if life == "fault" else "enable")
            time.sleep(0.1)
        return life == "active"

    await_truth(approach, f"driving; it is {stage.status}")
    stage.await_command(bool, time.monotonic_ns())


def test_node_drives_and_says_so(stage: _DdsStage) -> None:
    _drive(stage)
    x = stage.list_commands()[-1][1][0]
    assert x == pytest.approx(WEAK) or x == pytest.approx(STRONG)
    assert stage.status["life"] == "active"
    await_truth(lambda: stage.peer.list_heard("diagnostics"), "diagnostics")
    await_truth(lambda: stage.peer.list_heard("decisions"), "decisions")
    assert "neither services nor a lifecycle" in stage.node.said


def test_estop_from_rclpy_stops_the_node_within_a_period(stage: _DdsStage) -> None:
    delays = []
    for _ in range(3):
        _drive(stage)
        pressed = stage.peer.be(estop=True)
        _, status = stage.await_status(pressed, life="fault")
        assert status["fault"] == "estop is on"
        stopped = stage.await_command(lambda x: x == 0, pressed)
        delays.append((stopped - pressed) / 1e9)
        await_truth(lambda since=stopped: len(stage.list_commands(since)) > 5, "further commands")
        assert not any(one[0] for _, one in stage.list_commands(stopped))
    assert min(delays) <= _PERIOD, delays  # The machine may be busy, but not each time.


def test_takeover_by_topics(stage: _DdsStage) -> None:
    _drive(stage)
    stage.peer.send("takeover", data=True)
    stage.await_status(mode="operator", taken_over=True)
    stage.peer.be(operator=[-0.7, 0.2, 0.0, 0.0, 0.0, 0.0, 1.0])
    stage.await_command(lambda x: x == pytest.approx(-0.7), time.monotonic_ns())
    released = time.monotonic_ns()
    stage.peer.send("takeover", data=False)
    stage.await_command(lambda x: x == pytest.approx(WEAK), released)
    assert _ask(stage, "disable")["granted"]
    stage.await_life("inactive")
