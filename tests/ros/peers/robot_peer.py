"""A robot and its operator as a plain rclpy node: does what JSON lines say, tells what it hears.

    <python of ROS 2> robot_peer.py '{"node": "/aegis", "topics": {"agentview": "/front"}}'

An order ``be`` changes how it behaves; see ``WAY``.
"""

import array
import importlib
import json
import os
import random
import sys
import threading
import time
from typing import Any

import rclpy
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import TransitionEvent
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Bool, Empty, Float64MultiArray, String

WAY: dict[str, Any] = {
    "rate": 20,  # of all that is published [Hz]
    "silent": [],  # what is not published
    "frozen": [],  # pictures that stay the same, with fresh stamps
    "lose": 0.0,  # share of messages that get lost
    "shift": {},  # of the stamps of pictures [s]
    "joints": ["z", "finger", "x", "y", "other"],  # not in the contract's order
    "values": None,  # of the joints; None for plausible ones
    "side": 64,  # of the pictures [px]
    "encoding": "rgb8",
    "estop": False,
    "deadman": True,
    "task": "go",
    "operator": None,  # what the operator commands; None for nothing
}


class RobotPeer:
    """The node."""

    def __init__(self, node: Node, partner: str, topics: dict[str, str]) -> None:
        self._node, self._partner = node, partner
        self._way, self._count, self._task = dict(WAY), 0, ""
        self._lock = threading.RLock()
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        named = {"agentview": "/agentview/image_raw", "wrist": "/wrist/image_raw"}
        named = named | {"state": "/joint_states"} | topics
        own = {"estop": Bool, "deadman": Bool, "operator": Float64MultiArray, "ask": String}
        own |= {"enable": Empty, "disable": Empty, "reset": Empty, "takeover": Bool}
        self._out = {
            "agentview": node.create_publisher(Image, named["agentview"], 2),
            "wrist": node.create_publisher(Image, named["wrist"], 2),
            "state": node.create_publisher(JointState, named["state"], 5),
            "task": node.create_publisher(String, f"{partner}/task", latched),
        }
        for name, kind in own.items():
            self._out[name] = node.create_publisher(kind, f"{partner}/{name}", 10)
        self._hear("status", String, f"{partner}/status", latched, as_json)
        self._hear("answer", String, f"{partner}/answer", 50, as_json)
        self._hear("decisions", String, f"{partner}/decisions", 50, as_json)
        self._hear("command", Float64MultiArray, f"{partner}/command", 50, lambda m: list(m.data))
        self._hear("diagnostics", DiagnosticArray, "/diagnostics", 10, as_parts)
        self._hear(
            "transition", TransitionEvent, f"{partner}/transition_event", 50,
            lambda m: m.goal_state.label,
        )  # fmt: skip
        self._clients: dict[str, Any] = {}
        self._timer: Any = None
        self.be({})

    def be(self, order: dict[str, Any]) -> None:
        """Changes behaviour; switches are published at once."""
        with self._lock:
            at = time.monotonic_ns()
            self._way |= order.get("way", {})
            for name in ("estop", "deadman"):
                if name in order.get("way", {}):
                    self._publish(name, Bool(data=self._way[name]))
            if self._timer is None or "rate" in order.get("way", {}):
                if self._timer is not None:
                    self._node.destroy_timer(self._timer)
                self._timer = self._node.create_timer(1 / self._way["rate"], self._speak)
        say({"was": order.get("id"), "at": at})

    def send(self, order: dict[str, Any]) -> None:
        """Sends a request as a message."""
        kind = {"takeover": Bool, "ask": String}.get(order["name"], Empty)
        message = kind()
        if "data" in order:
            message.data = order["data"]
        at = time.monotonic_ns()
        self._out[order["name"]].publish(message)
        say({"was": order["id"], "at": at})

    def call(self, order: dict[str, Any]) -> None:
        """Calls a service; the answer follows."""
        package, name = order["type"].split("/")
        kind = getattr(importlib.import_module(f"{package}.srv"), name)
        service = f"{self._partner}/{order['service']}"
        client = self._clients.setdefault(service, self._node.create_client(kind, service))
        client.wait_for_service(60.0)
        request = kind.Request()
        for field, value in order["fields"].items():
            if isinstance(value, dict):
                for inner, one in value.items():
                    setattr(getattr(request, field), inner, one)
            else:
                setattr(request, field, value)
        future, at = client.call_async(request), time.monotonic_ns()
        known = {"was": order["id"], "at": at}
        future.add_done_callback(lambda done: say(known | {"answer": as_fields(done.result())}))

    def _speak(self) -> None:
        with self._lock:
            way = self._way
            self._count += 1
            for name in ("agentview", "wrist"):
                self._publish(name, self._make_picture(name))
            angle = self._count % 7 / 1000
            values = [angle + i / 100 for i in range(len(way["joints"]))]
            state = JointState(name=way["joints"], position=way["values"] or values)
            state.header.stamp = make_stamp(0)
            self._publish("state", state)
            if way["task"] != self._task and "task" not in way["silent"]:
                self._task = way["task"]
                self._out["task"].publish(String(data=self._task))
            self._publish("estop", Bool(data=way["estop"]))
            self._publish("deadman", Bool(data=way["deadman"]))
            if way["operator"] is not None:
                self._publish("operator", Float64MultiArray(data=way["operator"]))

    def _publish(self, name: str, message: Any) -> None:
        if name not in self._way["silent"] and random.random() >= self._way["lose"]:
            self._out[name].publish(message)

    def _make_picture(self, name: str) -> Image:
        way = self._way
        number = 0 if name in way["frozen"] else self._count
        side = way["side"]
        row = bytes((number * 7 + i) % 251 for i in range(3 * side))
        picture = Image(height=side, width=side, step=3 * side, encoding=way["encoding"])
        picture.data = array.array("B", row * side)
        picture.header.stamp = make_stamp(way["shift"].get(name, 0))
        return picture

    def _hear(self, name: str, kind: Any, topic: str, quality: Any, read: Any) -> None:
        def tell(message: Any) -> None:
            say({"heard": name, "at": time.monotonic_ns(), "data": read(message)})

        self._node.create_subscription(kind, topic, tell, quality)


def make_stamp(shift: float) -> Time:
    """Returns the time of now, so many seconds later."""
    seconds, nanos = divmod(time.time_ns() + round(1e9 * shift), 10**9)
    return Time(sec=seconds, nanosec=nanos)


def as_json(message: String) -> Any:
    return json.loads(message.data)


def as_parts(message: DiagnosticArray) -> dict[str, Any]:
    return {
        part.name: [part.level[0], part.message, {one.key: one.value for one in part.values}]
        for part in message.status
    }


def as_fields(message: Any) -> Any:
    if not hasattr(message, "get_fields_and_field_types"):
        return message
    names = message.get_fields_and_field_types()
    return {name: as_fields(getattr(message, name)) for name in names}


_SAYING = threading.Lock()


def say(event: dict[str, Any]) -> None:
    with _SAYING:
        sys.stdout.write(json.dumps(event) + "\n")
        sys.stdout.flush()


def main() -> None:
    given = json.loads(sys.argv[1])
    rclpy.init()
    node = rclpy.create_node("robot_peer")
    peer = RobotPeer(node, given["node"], given["topics"])
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    spinner = threading.Thread(target=executor.spin, daemon=True)
    spinner.start()
    for line in sys.stdin:
        order = json.loads(line)
        getattr(peer, order["do"])(order)
    executor.shutdown(1.0)
    spinner.join(1.0)
    executor.remove_node(node)
    node.destroy_node()
    rclpy.shutdown()
    os._exit(0)


main()
