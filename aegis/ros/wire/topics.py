"""Topics of the wire: what comes from ROS 2 goes to the bus, what lies on the bus is published."""

from __future__ import annotations

import importlib
import time
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
from aegis.ros.names import ANSWER, STATUS
from aegis.ros.wire.carrier import BusInlet, BusOutlet
from aegis.ros.wire.node import DriverClient
from aegis.ros.wire.protocol import WireTopic
from aegis.runtime.bus import Bus

_POLICIES = (
    QoSPolicyKind.HISTORY,
    QoSPolicyKind.DEPTH,
    QoSPolicyKind.RELIABILITY,
    QoSPolicyKind.DURABILITY,
)
"""What a user may override in parameters: ``qos_overrides./topic.subscription.depth``."""


class Inbox(BusInlet):
    """Writes to the bus what arrives from ROS 2.

    Args:
        node: The node.
        bus: The bus.
    """

    def __init__(self, node: Node, bus: Bus) -> None:
        super().__init__(bus, node.get_logger().error)
        self._node = node

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


class Outbox(BusOutlet):
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
        self._client = client
        self._publishers: dict[str, Publisher] = {}
        for topic in topics:
            options = QoSOverridingOptions(_POLICIES)
            self._publishers[topic.name] = node.create_publisher(
                load_type(topic), topic.name, make_profile(topic), qos_overriding_options=options
            )
        self._heard = [name for name in (ANSWER, STATUS) if name in bus.topics]
        super().__init__(bus, topics, self._heard, self._publish, node.get_logger().error)

    def finish(self) -> None:
        """Publishes what still lies on the bus, and waits until readers have it."""
        super().finish()
        end = time.monotonic() + 1.0
        for publisher in self._publishers.values():
            publisher.wait_for_all_acked(Duration(seconds=max(end - time.monotonic(), 0.0)))

    def _publish(self, name: str, raw: bytes) -> None:
        if name in self._publishers:
            self._publishers[name].publish(raw)
        if name in self._heard:
            self._client.hear(name, raw)


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
