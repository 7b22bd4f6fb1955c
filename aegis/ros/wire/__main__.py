"""Wire: the process that talks to ROS 2; only it, its node and its topics import rclpy.

    <python of ROS 2> -m aegis.ros.wire --socket N [--ros-args ...]

N is a socket to the parent, which orders the end by closing it. Messages go between ROS 2 and a
bus in shared memory as the bytes that they are, so that the parent never waits for ROS 2.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Sequence
from functools import partial
from typing import Any

import rclpy
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from aegis.ros.wire.executor import WireExecutor
from aegis.ros.wire.node import DriverClient, ManagedNode, create_services
from aegis.ros.wire.parent import run_process, serve_parent
from aegis.ros.wire.protocol import WireTopic
from aegis.ros.wire.topics import Inbox, Outbox
from aegis.runtime.bus import Bus

_THREADS = 8
"""Services that may wait for the driver at a time."""
_OWN_PARAMETERS = ("use_sim_time", "start_type_description_service", "qos_overrides.")


def open_node(ros_arguments: Sequence[str], identity: dict[str, Any]) -> Node:
    """Starts ROS 2 and returns our node.

    Args:
        ros_arguments: Arguments of ROS 2.
        identity: Name, namespace, and whether it is a lifecycle node.
    """
    # The end is the parent's to order: a signal must not stop publishing before.
    rclpy.init(args=list(ros_arguments), signal_handler_options=SignalHandlerOptions.NO)
    kind = ManagedNode if identity["lifecycle"] else Node
    return kind(
        identity["name"],
        namespace=identity["namespace"],
        allow_undeclared_parameters=True,
        automatically_declare_parameters_from_overrides=True,
    )


def list_parameters(node: Node) -> dict[str, Any]:
    """Returns the parameters that the node was given, without those of ROS 2 itself.

    Args:
        node: The node.
    """
    return {
        name: _simplify(parameter.value)
        for name, parameter in node.get_parameters_by_prefix("").items()
        if not name.startswith(_OWN_PARAMETERS)
    }


def _simplify(value: Any) -> Any:
    """Returns a value as JSON can say it."""
    if isinstance(value, bytes):
        return list(value)
    if value is None or isinstance(value, str | bool | int | float):
        return value
    return [_simplify(one) for one in value]


class Wire:
    """Everything that runs between the connection to the bus and the end.

    Args:
        node: The node.
        bus: The bus.
        topics: The topics.
        services: Whether to offer services.
    """

    def __init__(self, node: Node, bus: Bus, topics: Sequence[WireTopic], services: bool) -> None:
        self._node, self._ended = node, threading.Event()
        self._inbox = Inbox(node, bus)
        self._client = DriverClient(self._inbox.write)
        outward = [topic for topic in topics if topic.direction == "out"]
        self._outbox = Outbox(node, bus, outward, self._client)
        if isinstance(node, ManagedNode):
            node.attach_driver(self._client)
        if services:
            create_services(node, self._client)
        for topic in topics:
            if topic.direction == "in":
                self._inbox.subscribe(topic)
        self._executor = WireExecutor(_THREADS)
        self._executor.add_node(node)
        self._spinner = threading.Thread(target=self._spin, name="wire-spin", daemon=True)
        self._spinner.start()
        self._outbox.start()

    def finish(self) -> None:
        """Publishes what still lies on the bus, and leaves ROS 2."""
        self._outbox.finish()
        self._ended.set()
        self._client.end_waiting()
        self._inbox.log_refused()
        self._executor.wake()
        self._spinner.join(1.0)
        self._executor.shutdown(1.0)
        # Peers learn of it at once, and nothing stays in /dev/shm; not while the executor looks on.
        self._executor.remove_node(self._node)
        self._node.destroy_node()
        rclpy.shutdown()

    def _spin(self) -> None:
        while not self._ended.is_set():
            try:
                self._executor.spin_once(0.5)
            except Exception as error:  # One callback that fails must not stop the others.
                if not self._ended.is_set():
                    self._node.get_logger().error(f"A callback failed: {error!r}")


def run_wire(link: socket.socket, ros_arguments: Sequence[str]) -> None:
    """Runs the wire until its end.

    Args:
        link: Socket to the parent.
        ros_arguments: Arguments of ROS 2.

    Raises:
        EOFError: If the parent is gone before all is connected.
    """
    serve_parent(link, partial(open_node, ros_arguments), list_parameters, Wire)


if __name__ == "__main__":
    run_process("aegis.ros.wire", run_wire)
