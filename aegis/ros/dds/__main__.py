"""DDS: the process that talks to ROS 2 without having it; what the wire is with rclpy.

    <python> -m aegis.ros.dds --socket N [--ros-args ...]

It follows the same orders of the same parent, and carries the same bytes.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Sequence
from typing import Any

from aegis.ros.dds.arguments import read_arguments
from aegis.ros.dds.listener import Listener
from aegis.ros.dds.node import DdsNode
from aegis.ros.dds.unmatched import UnmatchedPeers
from aegis.ros.wire.carrier import BusInlet, BusOutlet
from aegis.ros.wire.parent import run_process, serve_parent
from aegis.ros.wire.protocol import WireTopic
from aegis.runtime.bus import Bus

_ACKNOWLEDGED = 1.0
"""Longest wait until readers have what was published last [s]."""
_NOTICE = (
    "Over cyclonedds the node has neither services nor a lifecycle; the topics ~/enable, "
    "~/disable, ~/reset, ~/takeover and ~/ask do the same. Its peers are those of Jazzy; with "
    "Kilted, types that hold sequences (pictures, joints, arrays) do not get through."
)


class DdsWire:
    """Everything that runs between the connection to the bus and the end.

    Args:
        node: The node.
        bus: The bus.
        topics: The topics.
        services: Whether services are asked for, of which there are none.

    Raises:
        ConfigError: If a topic cannot be carried.
    """

    def __init__(
        self, node: DdsNode, bus: Bus, topics: Sequence[WireTopic], services: bool
    ) -> None:
        self._node = node
        for topic in topics:
            node.open_topic(topic)
        node.announce_node()
        if services:
            log_line(_NOTICE)
        self._inlet = BusInlet(bus, log_line)
        self._listener = Listener(node, self._inlet.write, log_line)
        outward = [topic for topic in topics if topic.direction == "out"]
        self._outlet = BusOutlet(bus, outward, (), node.publish, log_line)
        self._unmatched = UnmatchedPeers(node, log_line)
        self._unmatched.start()
        self._listener.start()
        self._outlet.start()

    def finish(self) -> None:
        """Publishes what still lies on the bus, and leaves the domain."""
        self._outlet.finish()
        self._node.await_readers(_ACKNOWLEDGED)
        self._unmatched.finish()
        self._listener.finish()
        self._inlet.log_refused()
        self._node.close()


def log_line(text: str) -> None:
    """Says something to the user, who reads it at the parent."""
    print(f"[cyclonedds] {text}", file=sys.stderr, flush=True)


def list_parameters(node: DdsNode) -> dict[str, Any]:
    """Returns the parameters that the node was given."""
    return dict(node.arguments.parameters)


def run_dds(link: socket.socket, ros_arguments: Sequence[str]) -> None:
    """Runs the process until its end.

    Args:
        link: Socket to the parent.
        ros_arguments: Arguments of ROS 2.

    Raises:
        EOFError: If the parent is gone before all is connected.
    """

    def open_node(identity: dict[str, Any]) -> DdsNode:
        given = read_arguments(ros_arguments, identity["name"], identity["namespace"])
        return DdsNode(given, os.environ)

    serve_parent(link, open_node, list_parameters, DdsWire)


if __name__ == "__main__":
    run_process("aegis.ros.dds", run_dds)
