"""Protocol of the wire: JSON messages, with file descriptors, between it and its parent."""

from __future__ import annotations

import json
import os
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_LENGTH = struct.Struct("<I")
_MOST_DESCRIPTORS = 64


@dataclass(frozen=True, slots=True)
class WireTopic:
    """A topic that the wire carries between ROS 2 and the topic of the same name on the bus.

    Attributes:
        name: Its name, before ROS 2 remaps it; ``~`` is the node.
        type: ROS 2 type of its messages, for example ``"sensor_msgs/msg/Image"``.
        direction: ``"in"`` from ROS 2 to the bus, ``"out"`` from the bus to ROS 2.
        reliable: Whether a lost message is sent again.
        latched: Whether who comes late still gets the last messages.
        depth: Messages that are kept.
    """

    name: str
    type: str
    direction: str
    reliable: bool = True
    latched: bool = False
    depth: int = 10


def send_message(link: socket.socket, message: object, descriptors: Sequence[int] = ()) -> None:
    """Sends a message.

    Args:
        link: The socket.
        message: Anything that JSON can say.
        descriptors: File descriptors that go along.
    """
    raw = json.dumps(message).encode()
    # Descriptors travel with the length: a message may be too long to go out in one piece.
    socket.send_fds(link, [_LENGTH.pack(len(raw))], descriptors)
    link.sendall(raw)


def receive_message(link: socket.socket) -> tuple[Any, list[int]]:
    """Waits for a message and returns it with its file descriptors.

    Args:
        link: The socket.

    Raises:
        EOFError: If the other side is gone.
    """
    head, descriptors = b"", []
    try:
        while len(head) < _LENGTH.size:
            part, found, _, _ = socket.recv_fds(link, _LENGTH.size - len(head), _MOST_DESCRIPTORS)
            descriptors += found
            head += _require(part)
        raw = bytearray()
        (length,) = _LENGTH.unpack(head)
        while len(raw) < length:
            raw += _require(link.recv(length - len(raw)))
    except ConnectionError as error:
        raise EOFError("the other side is gone") from error
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)
    return json.loads(raw), descriptors


def _require(part: bytes) -> bytes:
    if not part:
        raise EOFError("the other side is gone")
    return part
