"""The wire against genuine ROS 2, Jazzy and Kilted: topics, services, lifecycle, its end."""

from __future__ import annotations

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
CONFIGURE, CLEANUP, ACTIVATE, DEACTIVATE, UNCONFIGURED_SHUTDOWN = 1, 2, 3, 4, 5


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


def test_services_ask_the_driver_and_tell_what_it_said(python: str) -> None:
    with open_rig(python) as rig:
        rig.driver.rules = {
            "enable": (True, "", "active"),
            "disable": (True, "", "inactive"),
            "reset": (False, "the e-stop is pressed", "fault"),
            "takeover": (True, "", "active"),
            "release": (False, "nobody took over", "active"),
        }
        assert rig.trigger("enable") == {"success": True, "message": "active"}
        assert rig.trigger("disable") == {"success": True, "message": "inactive"}
        assert rig.trigger("reset") == {"success": False, "message": "the e-stop is pressed"}
        kind = "std_srvs/srv/SetBool"
        assert rig.peer.ask("/aegis/takeover", kind, data=True)["success"]
        released = rig.peer.ask("/aegis/takeover", kind, data=False)
        assert released == {"success": False, "message": "nobody took over"}
        assert rig.driver.requests == ["enable", "disable", "reset", "takeover", "release"]


def test_service_without_an_answer_says_so_and_holds_nothing_up(python: str) -> None:
    with open_rig(python) as rig:
        rig.driver.rules = {"disable": (True, "", "inactive")}
        waiting = rig.peer.ask_later("/aegis/reset", "std_srvs/srv/Trigger")
        await_truth(lambda: rig.driver.requests == ["reset"], "the request")
        assert rig.trigger("disable")["success"]
        rig.publish_until_seen("/note", STRING, "note", fields={"data": "meanwhile"})
        answer = await_truth(waiting, "an answer")
        assert not answer["success"]
        assert "no answer from the driver" in answer["message"]


def test_lifecycle_transitions_in_all_directions(python: str) -> None:
    with open_rig(python, lifecycle=True) as rig:
        rig.driver.rules = {
            "configure": (True, "", "inactive"),
            "enable": (True, "", "active"),
            "disable": (True, "", "inactive"),
            "cleanup": (True, "", "unconfigured"),
            "shutdown": (True, "", "finalized"),
        }
        assert rig.ask_state() == "unconfigured"
        assert not rig.change_state(ACTIVATE)  # ROS 2 itself refuses it, and goes on.
        for transition, state in (
            (CONFIGURE, "inactive"),
            (ACTIVATE, "active"),
            (DEACTIVATE, "inactive"),
            (CLEANUP, "unconfigured"),
            (UNCONFIGURED_SHUTDOWN, "finalized"),
        ):
            assert rig.change_state(transition)
            assert rig.ask_state() == state
        asked = ["configure", "enable", "disable", "cleanup", "shutdown"]
        assert rig.driver.requests == asked


def test_refused_transition_fails_and_services_go_the_same_way(python: str) -> None:
    with open_rig(python, lifecycle=True) as rig:
        rig.driver.rules = {
            "configure": (True, "", "inactive"),
            "enable": (False, "camera 'wrist' is silent", "inactive"),
            "disable": (True, "", "inactive"),
        }
        refused = rig.trigger("enable")
        assert refused == {
            "success": False,
            "message": "cannot enable while the node is unconfigured",
        }
        assert rig.change_state(CONFIGURE)
        assert not rig.change_state(ACTIVATE)
        assert rig.ask_state() == "inactive"
        assert rig.trigger("enable")["message"] == "camera 'wrist' is silent"
        await_truth(
            lambda: any("'wrist' is silent" in line for line in rig.wire.list_lines()), "the log"
        )
        rig.driver.rules["enable"] = (True, "", "active")
        assert rig.trigger("enable") == {"success": True, "message": "active"}
        assert rig.ask_state() == "active"
        assert rig.trigger("disable")["success"]
        assert rig.ask_state() == "inactive"


def test_state_answers_while_the_driver_is_being_configured(python: str) -> None:
    with open_rig(python, lifecycle=True) as rig:
        waiting = rig.peer.ask_later(
            "/aegis/change_state", "lifecycle_msgs/srv/ChangeState", transition={"id": CONFIGURE}
        )
        await_truth(lambda: rig.driver.requests == ["configure"], "the request")
        assert rig.ask_state() == "configuring"
        assert not waiting()


def test_node_follows_the_driver_without_asking_it(python: str) -> None:
    with open_rig(python, lifecycle=True) as rig:
        rig.driver.rules = {"enable": (False, "fault: hand stuck; reset first", "fault")}
        rig.driver.show("inactive")  # It configured itself.
        rig.await_state("inactive")
        rig.driver.show("active")  # A topic enabled it.
        rig.await_state("active")
        rig.driver.show("fault", "hand stuck")
        rig.await_state("inactive")
        assert rig.driver.requests == []
        assert not rig.change_state(ACTIVATE)
        assert rig.trigger("enable")["message"] == "fault: hand stuck; reset first"
        assert rig.ask_state() == "inactive"
        rig.driver.rules = {"reset": (True, "", "inactive"), "enable": (True, "", "active")}
        assert rig.trigger("reset")["success"]
        assert rig.change_state(ACTIVATE)
        rig.driver.show("unconfigured")
        rig.await_state("unconfigured")


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
