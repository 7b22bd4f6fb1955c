"""Topics of the wire: what comes from ROS 2 goes to the bus, what lies on the bus is published."""

from __future__ import annotations

import importlib
import threading
import time
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, QoSPolicyKind, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions

from aegis.core.errors import ConfigError
from aegis.ros.names import ANSWER, STATUS, WIRE_BELL
from aegis.ros.wire.node import DriverClient
from aegis.ros.wire.protocol import WireTopic
from aegis.runtime.bus import Bus
from aegis.runtime.bus_reader import BusReader

_JOIN = 3.0
_POLICIES = (
    QoSPolicyKind.HISTORY,
    QoSPolicyKind.DEPTH,
    QoSPolicyKind.RELIABILITY,
    QoSPolicyKind.DURABILITY,
)
"""What a user may override in parameters: ``qos_overrides./topic.subscription.depth``."""


class Inbox:
    """Writes to the bus what arrives from ROS 2.

    Args:
        node: The node.
        bus: The bus.
    """

    def __init__(self, node: Node, bus: Bus) -> None:
        self._node, self._bus = node, bus
        self._locks = {name: threading.Lock() for name in bus.topics}
        self._refused: Counter[str] = Counter()

    def subscribe(self, topic: WireTopic) -> None:
        """Subscribes to a topic.

        Args:
            topic: The topic.
        """
        self._node.create_subscription(
            load_type(topic),
            topic.name,
            partial(self.write, topic.name),
            make_profile(topic),
            callback_group=MutuallyExclusiveCallbackGroup(),
            qos_overriding_options=QoSOverridingOptions(_POLICIES),
            raw=True,
        )

    def write(self, name: str, raw: bytes) -> None:
        """Writes a message to the bus; one that is too long is counted, and logged once.

        Args:
            name: The topic.
            raw: The message.
        """
        arrived = time.monotonic_ns()
        with self._locks[name]:
            try:
                self._bus.write_message(name, raw, arrived)
            except ConfigError as error:
                self._refused[name] += 1
                if self._refused[name] == 1:
                    self._node.get_logger().error(str(error))

    def log_refused(self) -> None:
        """Logs how many messages were too long."""
        for name, count in self._refused.items():
            self._node.get_logger().error(f"{count} messages on '{name}' were too long.")


class Outbox:
    """Publishes what the parent writes to the bus, and passes on what its driver says.

    Args:
        node: The node.
        bus: The bus.
        topics: Topics to publish.
        client: The driver.
    """

    def __init__(
        self, node: Node, bus: Bus, topics: Sequence[WireTopic], client: DriverClient
    ) -> None:
        self._node, self._bus, self._client = node, bus, client
        self._publishers: dict[str, Publisher] = {}
        for topic in topics:
            options = QoSOverridingOptions(_POLICIES)
            self._publishers[topic.name] = node.create_publisher(
                load_type(topic), topic.name, make_profile(topic), qos_overriding_options=options
            )
        heard = [name for name in (ANSWER, STATUS) if name in bus.topics]
        latched = [topic.name for topic in topics if topic.latched]
        self._heard = heard
        # What lies there is old: the newest latched message still holds, an old command does not.
        kept = {name for name in (*latched, STATUS) if name in bus.topics}
        self._kept = BusReader(bus, kept, everything=True)
        self._news = BusReader(bus, {*self._publishers, *heard} - kept)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._carry_messages, name="wire-out", daemon=True)

    def start(self) -> None:
        """Publishes the newest latched messages, and starts to carry."""
        newest = {entry.topic: raw for entry, raw in self._kept.take_new()}
        for name, raw in newest.items():
            self._carry(name, raw)
        self._thread.start()

    def finish(self) -> None:
        """Publishes what still lies on the bus, and waits until readers have it."""
        self._ended.set()
        self._thread.join(_JOIN)
        self._carry_new()
        end = time.monotonic() + 1.0
        for publisher in self._publishers.values():
            publisher.wait_for_all_acked(Duration(seconds=max(end - time.monotonic(), 0.0)))

    def _carry_messages(self) -> None:
        while not self._ended.is_set():
            self._bus.await_bell(WIRE_BELL, 0.1)
            self._carry_new()

    def _carry_new(self) -> None:
        found = [*self._news.take_new(), *self._kept.take_new()]
        for entry, raw in sorted(found, key=lambda one: one[0].arrived):
            self._carry(entry.topic, raw)

    def _carry(self, name: str, raw: bytes) -> None:
        try:
            if name in self._publishers:
                self._publishers[name].publish(raw)
            if name in self._heard:
                self._client.hear(name, raw)
        except Exception as error:  # One message that cannot be read must not stop the others.
            self._node.get_logger().error(f"A message of ours on '{name}' is broken: {error}")


def load_type(topic: WireTopic) -> Any:
    """Returns the class of a topic's messages.

    Args:
        topic: The topic.

    Raises:
        ConfigError: If this ROS 2 does not have it.
    """
    package, _, rest = topic.type.partition("/")
    kind, _, name = rest.partition("/")
    try:
        return getattr(importlib.import_module(f"{package}.{kind}"), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(
            f"topic '{topic.name}' has type '{topic.type}', which is not installed. Install "
            f"ros-$ROS_DISTRO-{package.replace('_', '-')}, or name another: package/msg/Name"
        ) from error


def make_profile(topic: WireTopic) -> QoSProfile:
    """Returns the quality of service of a topic.

    Args:
        topic: The topic.
    """
    return QoSProfile(
        depth=topic.depth,
        reliability=ReliabilityPolicy.RELIABLE if topic.reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if topic.latched else DurabilityPolicy.VOLATILE,
    )
