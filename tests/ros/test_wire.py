"""The wire against genuine ROS 2, Jazzy and Kilted: topics, names, errors, its end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from aegis.core.errors import ConfigError, MachineError
from aegis.ros.wire.process import WireProcess, WireTopic
from aegis.runtime.bus import Bus
from tests.ros.rig import (
    PATIENCE,
    ROOT,
    STRING,
    TOPICS,
    WIRED,
    Peer,
    await_truth,
    open_rig,
    pack_text,
)

pytestmark = pytest.mark.ros


def test_bytes_from_ros_lie_on_the_bus_unchanged(python: str) -> None:
    with open_rig(python) as rig:
        picture = {
            "header": {"frame_id": "wrist", "stamp": {"sec": 3, "nanosec": 7}},
            "height": 48,
            "width": 64,
            "encoding": "rgb8",
            "step": 192,
            "data": [(7 * i) % 256 for i in range(48 * 192)],
        }
        rig.publish_until_seen(
            "/camera/image",
            "sensor_msgs/msg/Image",
            "camera/image",
            fields=picture,
            reliable=False,
        )
        sent = await_truth(lambda: rig.peer.list_sent("/camera/image"), "what was sent")
        assert set(rig.list_bus("camera/image")) == {sent[0]}


def test_message_too_long_for_the_bus_is_logged_once_and_others_still_come(python: str) -> None:
    with open_rig(python) as rig:
        rig.publish_until_seen("/note", STRING, "note", fields={"data": "short"})
        for _ in range(3):
            rig.peer.tell("publish", topic="/note", type=STRING, fields={"data": "x" * 900})
        rig.publish_until_seen("/note", STRING, "note", fields={"data": "after"})
        complaints = await_truth(
            lambda: [line for line in rig.wire.list_lines() if "which takes 200" in line],
            "the complaint",
        )
        assert len(complaints) == 1
        assert set(rig.list_bus("note")) == {pack_text("short"), pack_text("after")}
        rig.wire.close()
        assert any("3 messages on 'note' were too long" in line for line in rig.wire.list_lines())


def test_bytes_from_the_bus_arrive_unchanged_and_in_order(python: str) -> None:
    with open_rig(python) as rig:
        rig.peer.tell("subscribe", topic="/command", type=STRING)
        rig.write_until_heard("first")
        for number in range(8):
            rig.write("command", f"row {number}")
        await_truth(lambda: pack_text("row 7") in rig.peer.list_received("/command"), "the last")
        rows = [raw for raw in rig.peer.list_received("/command") if raw != pack_text("first")]
        assert rows == [pack_text(f"row {number}") for number in range(8)]


def test_latched_topic_reaches_who_comes_late(python: str) -> None:
    with open_rig(python) as rig:
        rig.driver.show("inactive")
        rig.driver.show("active")
        newest = rig.list_bus("~/status")[-1]
        rig.peer.tell("subscribe", topic="/aegis/status", type=STRING, latched=True)
        await_truth(lambda: rig.peer.list_received("/aegis/status"), "the latched status")
        assert rig.peer.list_received("/aegis/status")[-1] == newest


def test_status_of_before_the_connection_is_published_and_old_commands_are_not(python: str) -> None:
    bus = Bus.create(TOPICS)
    peer = Peer(python)
    peer.tell("subscribe", topic="/aegis/status", type=STRING, latched=True)
    peer.tell("subscribe", topic="/command", type=STRING)
    bus.write_message("command", pack_text("old"), 1)
    bus.write_message("~/status", pack_text("older"), 1)
    bus.write_message("~/status", pack_text("newest"), 2)
    wire = WireProcess(python, "aegis", "", False, [])
    try:
        wire.read_parameters(PATIENCE)
        wire.connect(bus, WIRED, False, PATIENCE)

        def look() -> bool:
            bus.write_message("command", pack_text("new"), 3)
            return bool(peer.list_received("/command") and peer.list_received("/aegis/status"))

        await_truth(look, "messages")
        assert set(peer.list_received("/aegis/status")) == {pack_text("newest")}
        assert set(peer.list_received("/command")) == {pack_text("new")}
    finally:
        wire.close()
        peer.close()


def test_parameters_names_and_qos_come_from_the_arguments(python: str, tmp_path: Path) -> None:
    file = tmp_path / "parameters.yaml"
    file.write_text(
        "/lab/arm:\n  ros__parameters:\n    use_sim_time: false\n    rate: 20.0\n"
        "    gate: {name: conformal, levels: [0.1, 0.2], on: true}\n    seeds: [1, 2]\n"
        "    qos_overrides: {/lab/command: {publisher: {durability: transient_local}}}\n"
    )
    arguments = ["--ros-args", "--params-file", str(file), "-p", "task:=lift the cup"]
    arguments += ["-r", "__ns:=/lab", "-r", "__node:=arm", "-r", "note:=/world/note"]
    with open_rig(python, arguments=arguments) as rig:
        assert rig.parameters == {
            "rate": 20.0,
            "gate.name": "conformal",
            "gate.levels": [0.1, 0.2],
            "gate.on": True,
            "seeds": [1, 2],
            "task": "lift the cup",
        }
        rig.publish_until_seen("/world/note", STRING, "note", fields={"data": "remapped"})
        rig.write("command", "latched by its parameter")
        rig.peer.tell("subscribe", topic="/lab/command", type=STRING, latched=True)
        await_truth(lambda: rig.peer.list_received("/lab/command"), "the latched command")
        rig.driver.rules = {"enable": (True, "", "active")}
        assert rig.peer.ask("/lab/arm/enable", "std_srvs/srv/Trigger")["success"]


def test_signal_does_not_end_it_before_the_parent_does(python: str) -> None:
    with open_rig(python) as rig:
        rig.peer.tell("subscribe", topic="/command", type=STRING)
        rig.write_until_heard("before")
        for number in (signal.SIGINT, signal.SIGTERM):
            os.kill(rig.wire.pid, number)
        rig.write("command", "after")
        rig.wire.close()
        await_truth(lambda: pack_text("after") in rig.peer.list_received("/command"), "the last")


def test_signal_ends_it_when_the_parent_does_not(python: str) -> None:
    with open_rig(python) as rig:
        os.kill(rig.wire.pid, signal.SIGTERM)
        await_truth(lambda: not rig.wire.is_alive(), "its end")


def test_its_death_is_seen(python: str) -> None:
    with open_rig(python) as rig:
        assert rig.wire.is_alive()
        os.kill(rig.wire.pid, signal.SIGKILL)
        await_truth(lambda: not rig.wire.is_alive(), "its death")


def test_what_was_written_last_is_published_at_the_end(python: str) -> None:
    with open_rig(python) as rig:
        rig.peer.tell("subscribe", topic="/command", type=STRING)
        rig.write_until_heard("before")
        for number in range(8):
            rig.write("command", f"last {number}")
        rig.wire.close()
        assert not rig.wire.is_alive()
        await_truth(lambda: pack_text("last 7") in rig.peer.list_received("/command"), "the last")
        rows = [raw for raw in rig.peer.list_received("/command") if raw != pack_text("before")]
        assert rows == [pack_text(f"last {number}") for number in range(8)]


def test_wire_is_gone_after_its_parent_was_killed(python: str) -> None:
    parent = subprocess.Popen(
        [sys.executable, str(ROOT / "tests/ros/peers/parent.py"), python],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        text=True,
    )
    assert parent.stdout is not None
    wire = int(parent.stdout.readline())
    assert is_running(wire)
    parent.kill()
    parent.wait()
    await_truth(lambda: not is_running(wire), "the end of the wire")


def test_wrong_arguments_names_and_types_are_said(python: str) -> None:
    for name, arguments in (("no name", []), ("aegis", ["--ros-args", "--bogus"])):
        wire = WireProcess(python, name, "", False, arguments)
        with pytest.raises(ConfigError, match=r"ROS 2 refuses: .*(name|bogus)"):
            wire.read_parameters(PATIENCE)
        assert not wire.is_alive()
    wire = WireProcess(python, "aegis", "", False, [])
    wire.read_parameters(PATIENCE)
    odd = WireTopic("note", "hand_msgs/msg/Grip", "in")
    with pytest.raises(ConfigError, match="ros-\\$ROS_DISTRO-hand-msgs"):
        wire.connect(Bus.create(TOPICS), [odd], False)
    assert not wire.is_alive()


def test_interpreter_without_rclpy_is_said() -> None:
    with pytest.raises(MachineError, match=r"ros.python = '/nowhere/python'.*source /opt/ros"):
        WireProcess("/nowhere/python", "aegis", "", False, [])
    wire = WireProcess(sys.executable, "aegis", "", False, [])
    with pytest.raises(MachineError, match=r"has no rclpy.*source /opt/ros"):
        wire.read_parameters(PATIENCE)
    assert not wire.is_alive()


def is_running(pid: int) -> bool:
    """Returns whether a process runs; one that is dead and not yet collected does not."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


def test_callbacks_are_handed_over_once_and_topics_never(python: str) -> None:
    """Beside services that wait for more threads than there are."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("_ROS_WHEELS_BOOTSTRAP_COMPLETE", None)
    done = subprocess.run(
        [python, str(ROOT / "tests/ros/peers/executor_course.py")],
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said == {"handed": 3, "distinct": 3, "threads": ["spinner"], "granted": [True] * 3}
