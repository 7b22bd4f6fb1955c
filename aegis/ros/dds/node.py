"""Node: a participant of DDS that other nodes take for a node of ROS 2."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from cyclonedds.core import DDSException, Entity, Policy, Qos
from cyclonedds.domain import Domain, DomainParticipant
from cyclonedds.pub import DataWriter
from cyclonedds.sub import DataReader
from cyclonedds.topic import Topic
from cyclonedds.util import duration

from aegis.core.errors import ConfigError
from aegis.ros.dds.arguments import RosArguments
from aegis.ros.dds.discovery import build_configuration, read_domain
from aegis.ros.dds.idl_types import build_type
from aegis.ros.message.cdr import build_message, encode_message, load_types
from aegis.ros.wire.protocol import WireTopic

_INFO = "rmw_dds_common/msg/ParticipantEntitiesInfo"
_INFO_TOPIC = WireTopic("ros_discovery_info", _INFO, "out", latched=True, depth=1)
_FAREWELL = 0.5
"""Longest wait until others know that the node is gone [s]."""
_LONGEST_BLOCK = 100
"""Longest wait of a writer for a slow reader [ms], as in ROS 2."""


class DdsNode:
    """A node.

    Args:
        arguments: Its name, and those of its topics.
        environment: Environment variables: domain, and how others are found.

    Attributes:
        arguments: Its name, and those of its topics.
        participant: Its participant.
        readers: Topic to what reads it.
        writers: Topic to what writes it.

    Raises:
        ConfigError: If the environment says what cannot be followed, or DDS does not start.
    """

    def __init__(self, arguments: RosArguments, environment: Mapping[str, str]) -> None:
        self.arguments = arguments
        self.readers: dict[str, Any] = {}
        self.writers: dict[str, Any] = {}
        number, configuration = read_domain(environment), build_configuration(environment)
        try:
            self._domain = Domain(number, configuration or None)
            self.participant = DomainParticipant(number, Qos(Policy.Userdata(b"enclave=/;")))
            info = Topic(self.participant, _INFO_TOPIC.name, build_type(_INFO))
            self._info = DataWriter(self.participant, info, build_quality(_INFO_TOPIC))
        except DDSException as error:
            raise ConfigError(
                f"DDS does not start in domain {number}: {error}. Its configuration: "
                f"{configuration or 'none'}"
            ) from error
        self.announce_node()

    def open_topic(self, topic: WireTopic) -> None:
        """Opens a topic, to read from it or to write to it; ``announce`` tells others of it.

        Args:
            topic: The topic.

        Raises:
            ConfigError: If it cannot be carried; the message names topic and type.
        """
        full = self.arguments.resolve_topic(topic.name)
        try:
            kind = build_type(topic.type)
            opened = Topic(self.participant, f"rt{full}", kind)
            # As ROS 2 says it: who looks at the graph sees which definition is meant.
            quality = build_quality(topic, f"typehash={load_types().hash_rihs01(topic.type)};")
            if topic.direction == "in":
                self.readers[topic.name] = DataReader(self.participant, opened, quality)
            else:
                self.writers[topic.name] = DataWriter(self.participant, opened, quality)
        except (ConfigError, DDSException) as error:
            raise ConfigError(f"topic '{topic.name}' of type '{topic.type}': {error}") from error

    def publish(self, name: str, raw: bytes) -> None:
        """Publishes a message.

        Args:
            name: The topic.
            raw: The message.
        """
        writer = self.writers[name]
        writer.write(writer.data_type(raw))

    def announce_node(self) -> None:
        """Tells other nodes which topics belong to this one."""
        node = build_message(
            "rmw_dds_common/msg/NodeEntitiesInfo",
            node_namespace=self.arguments.namespace,
            node_name=self.arguments.name,
            reader_gid_seq=[_build_gid(one) for one in self.readers.values()],
            writer_gid_seq=[_build_gid(one) for one in self.writers.values()],
        )
        self._tell_nodes([node])

    def await_readers(self, timeout: float) -> None:
        """Waits until all readers have what was published.

        Args:
            timeout: Longest wait [s].
        """
        end = time.monotonic() + timeout
        for writer in (self._info, *self.writers.values()):
            # The library means to return False after that time, and fails to.
            with contextlib.suppress(DDSException, AttributeError):
                writer.wait_for_acks(duration(seconds=max(end - time.monotonic(), 0.0)))

    def close(self) -> None:
        """Leaves the domain; others learn of it at once."""
        self.readers, self.writers = {}, {}
        # Fast DDS notices a participant of Cyclone DDS that goes only after 10 s; so this says it.
        self._tell_nodes([])
        self.await_readers(_FAREWELL)
        # Entities are deleted with the last object that refers to them.
        del self._info, self.participant, self._domain

    def _tell_nodes(self, nodes: list[Any]) -> None:
        """Tells others which nodes this participant has."""
        gid = _build_gid(self.participant)
        raw = encode_message(_INFO, gid=gid, node_entities_info_seq=nodes)
        self._info.write(self._info.data_type(raw))


def build_quality(topic: WireTopic, user_data: str = "") -> Any:
    """Returns the quality of service of a topic.

    Args:
        topic: The topic.
        user_data: What others are told of it.
    """
    history = Policy.History.KeepLast(topic.depth)
    durability = Policy.Durability.Volatile
    parts: list[Any] = []
    if topic.latched:
        durability = Policy.Durability.TransientLocal
        # What is kept for who comes late is a quality of its own in Cyclone DDS.
        parts.append(
            Policy.DurabilityService(
                cleanup_delay=0,
                history=history,
                max_samples=-1,
                max_instances=-1,
                max_samples_per_instance=-1,
            )
        )
    reliable = Policy.Reliability.Reliable(duration(milliseconds=_LONGEST_BLOCK))
    return Qos(
        reliable if topic.reliable else Policy.Reliability.BestEffort,
        durability,
        history,
        Policy.WriterDataLifecycle(autodispose=False),
        Policy.DataRepresentation(use_cdrv0_representation=True),
        *parts,
        *([Policy.Userdata(user_data.encode())] if user_data else []),
    )


def _build_gid(entity: Entity) -> Any:
    """Returns the number of an entity, as a message."""
    number = np.frombuffer(entity.guid.bytes, np.uint8)
    return build_message("rmw_dds_common/msg/Gid", data=number)
