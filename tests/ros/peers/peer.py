"""A plain rclpy node that does what it is told: JSON lines come in, what it meets goes out."""

import importlib
import json
import os
import sys
import threading
from typing import Any

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.serialization import serialize_message


class Peer:
    """The node and what it has opened."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._opened: dict[Any, Any] = {}

    def subscribe(self, order: dict[str, Any]) -> None:
        topic = order["topic"]
        self._opened["in", topic] = self._node.create_subscription(
            load(order["type"]),
            topic,
            lambda raw: say({"topic": topic, "raw": raw.hex()}),
            make_profile(order),
            raw=True,
        )

    def publish(self, order: dict[str, Any]) -> None:
        kind, topic = load(order["type"]), order["topic"]
        if ("out", topic) not in self._opened:
            publisher = self._node.create_publisher(kind, topic, make_profile(order))
            self._opened["out", topic] = publisher
        message = kind()
        fill(message, order["fields"])
        self._opened["out", topic].publish(message)
        say({"sent": topic, "raw": serialize_message(message).hex()})

    def call(self, order: dict[str, Any]) -> None:
        name = order["service"]
        if ("call", name) not in self._opened:
            self._opened["call", name] = self._node.create_client(load(order["type"]), name)
        client = self._opened["call", name]
        client.wait_for_service(60.0)
        request = load(order["type"]).Request()
        fill(request, order["fields"])
        future = client.call_async(request)
        answer = {"id": order["id"]}
        future.add_done_callback(lambda done: say(answer | {"answer": show(done.result())}))


def load(name: str) -> Any:
    package, kind, name = name.split("/")
    return getattr(importlib.import_module(f"{package}.{kind}"), name)


def make_profile(order: dict[str, Any]) -> QoSProfile:
    profile = QoSProfile(depth=10)
    if not order.get("reliable", True):
        profile.reliability = ReliabilityPolicy.BEST_EFFORT
    if order.get("latched", False):
        profile.durability = DurabilityPolicy.TRANSIENT_LOCAL
    return profile


def fill(message: Any, fields: dict[str, Any]) -> None:
    for name, value in fields.items():
        if isinstance(value, dict):
            fill(getattr(message, name), value)
        else:
            setattr(message, name, value)


def show(message: Any) -> Any:
    if not hasattr(message, "get_fields_and_field_types"):
        return message
    return {name: show(getattr(message, name)) for name in message.get_fields_and_field_types()}


def say(event: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


def main() -> None:
    rclpy.init()
    node = rclpy.create_node("peer")
    peer = Peer(node)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    spinner = threading.Thread(target=executor.spin, daemon=True)
    spinner.start()
    say({"ready": True})
    for line in sys.stdin:
        order = json.loads(line)
        getattr(peer, order["do"])(order)
    # Leaves nothing in /dev/shm; what rclpy's threads do at the end of an interpreter is not the
    # subject.
    executor.shutdown(1.0)
    spinner.join(1.0)
    executor.remove_node(node)
    node.destroy_node()
    rclpy.shutdown()
    os._exit(0)


main()
