"""Topics: all that a node reads and writes, with types, sizes and quality of service."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from aegis.ros.contract.contract import Contract
from aegis.ros.message import cdr as m
from aegis.ros.names import (
    ANSWER,
    ASK,
    DECISIONS,
    DIAGNOSTICS,
    DISABLE,
    DRIVER_BELL,
    ENABLE,
    PROPOSALS,
    REQUEST,
    RESET,
    STATUS,
    TAKEOVER,
    TROUBLE,
    WIRE_BELL,
)
from aegis.runtime.bus import BusTopic

_TEXT_BYTES = 65_536
_PROPOSAL_BYTES = 4_000_000
_SPARE_BYTES = 4096
"""Of a picture's message: its header, and the names of frame and encoding [bytes]."""


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic of a node.

    Attributes:
        name: Name, as ROS 2 resolves it: ``~/`` is the node's own.
        type: Type of its messages.
        direction: ``in``: from others; ``out``: to others; ``inside``: among our processes.
        size: Longest message [bytes].
        slots: Messages that are kept on the bus.
        reliable: Whether lost messages are sent again.
        latched: Whether who comes later hears the last message.
        depth: Messages that are kept for a slow listener.
        urgent: Whether it wakes the driver.
    """

    name: str
    type: str
    direction: Literal["in", "out", "inside"]
    size: int = _TEXT_BYTES
    slots: int = 64
    reliable: bool = True
    latched: bool = False
    depth: int = 10
    urgent: bool = False

    def build_bus_topic(self) -> BusTopic:
        """Returns its place on the bus."""
        bells = {"in": DRIVER_BELL if self.urgent else "", "out": WIRE_BELL}.get(self.direction, "")
        stamp = m.STAMP_BYTES if self.type in m.STAMPED else 0
        return BusTopic(self.name, self.size, self.slots, stamp, (bells,) if bells else ())


def list_topics(contract: Contract) -> tuple[Topic, ...]:
    """Returns the topics of a node that keeps a contract.

    Args:
        contract: The contract.
    """
    return (*list_inputs(contract), *list_requests(), *list_command_topics(contract), *_OUTPUTS)


def list_outputs() -> tuple[Topic, ...]:
    """Returns what every node says, whatever robot it drives."""
    return _OUTPUTS


def list_command_topics(contract: Contract) -> tuple[Topic, ...]:
    """Returns the topics that carry actions."""
    return tuple(
        Topic(one.topic, one.type, "out", size=_SPARE_BYTES, depth=one.depth)
        for one in contract.commands
    )


def list_inputs(contract: Contract) -> tuple[Topic, ...]:
    """Returns the topics that a contract names for what is sensed, and for people."""
    topics = [
        Topic(level.topic, m.BOOL, "in", size=64, urgent=True) for level in contract.levels.values()
    ]
    topics += [
        Topic(part.topic, part.type, "in", size=part.size, reliable=part.reliable, depth=5)
        for part in contract.state
    ]
    for picture in contract.pictures.values():
        size = picture.height * picture.width * 4 + _SPARE_BYTES
        topics.append(
            Topic(
                picture.topic, picture.type, "in", size, slots=32, reliable=picture.reliable,
                depth=2,
            )
        )  # fmt: skip
    if contract.operator is not None:
        one = contract.operator
        topics.append(Topic(one.topic, one.type, "in", size=_SPARE_BYTES))
    if contract.task.topic is not None:
        topics.append(Topic(contract.task.topic, m.STRING, "in", latched=True, depth=1))
    return tuple(topics)


def list_requests() -> tuple[Topic, ...]:
    """Returns the topics by which something is asked of the driver."""
    empty = (Topic(name, m.EMPTY, "in", size=64) for name in (ENABLE, DISABLE, RESET))
    # Short enough for an answer that says what was asked.
    asked = (
        Topic(ASK, m.STRING, "in", size=_SPARE_BYTES),
        Topic(REQUEST, m.STRING, "inside", size=_SPARE_BYTES),
    )
    return (*empty, Topic(TAKEOVER, m.BOOL, "in", size=64), *asked)


_OUTPUTS = (
    Topic(STATUS, m.STRING, "out", latched=True, depth=1),
    Topic(ANSWER, m.STRING, "out"),
    Topic(DECISIONS, m.STRING, "out"),
    Topic(DIAGNOSTICS, m.DIAGNOSTICS, "out"),
    Topic(TROUBLE, m.STRING, "inside"),
    Topic(PROPOSALS, m.BYTES, "inside", size=_PROPOSAL_BYTES, slots=16),
)
