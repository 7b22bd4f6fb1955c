"""Messages: ROS 2 messages as the bytes that go over the wire (CDR), without any ROS installed."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from rosbags.serde import SerdeError
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from aegis.core.errors import ContractError
from aegis.core.types import Nanos

_NANOS = 1_000_000_000
_GRIPPER = "float64 position\nfloat64 max_effort\n"

STRING = "std_msgs/msg/String"
BOOL = "std_msgs/msg/Bool"
EMPTY = "std_msgs/msg/Empty"
BYTES = "std_msgs/msg/UInt8MultiArray"
FLOATS = "std_msgs/msg/Float64MultiArray"
IMAGE = "sensor_msgs/msg/Image"
COMPRESSED_IMAGE = "sensor_msgs/msg/CompressedImage"
JOINT_STATE = "sensor_msgs/msg/JointState"
JOY = "sensor_msgs/msg/Joy"
POSE = "geometry_msgs/msg/PoseStamped"
TWIST = "geometry_msgs/msg/TwistStamped"
TRAJECTORY = "trajectory_msgs/msg/JointTrajectory"
GRIPPER = "control_msgs/msg/GripperCommand"
DIAGNOSTICS = "diagnostic_msgs/msg/DiagnosticArray"

STAMP_BYTES = 12
"""Bytes before the frame of a message with a header: encapsulation, seconds, nanoseconds."""
STAMPED = (IMAGE, COMPRESSED_IMAGE, JOINT_STATE, JOY, POSE, TWIST, TRAJECTORY, DIAGNOSTICS)
"""Types whose first field is a header."""


@cache
def load_types() -> Typestore:
    """Returns the definitions of all message types; those of Jazzy hold for Kilted, too."""
    store = get_typestore(Stores.ROS2_JAZZY)
    store.register(get_types_from_msg(_GRIPPER, GRIPPER))
    return store


def encode_message(kind: str, **fields: Any) -> bytes:
    """Returns a message as bytes.

    Args:
        kind: Its type, for example ``"std_msgs/msg/Bool"``.
        fields: Its fields; see ``build_message``.
    """
    return bytes(load_types().serialize_cdr(build_message(kind, **fields), kind))


def build_message(kind: str, **fields: Any) -> Any:
    """Returns a message, for example to be a field of another.

    Args:
        kind: Its type.
        fields: Its fields; all but constants must be given.
    """
    return load_types().types[kind](**fields)


def decode_message(raw: bytes, kind: str, topic: str) -> Any:
    """Returns a message.

    Args:
        raw: Its bytes.
        kind: Its type.
        topic: Topic it came on, for the error.

    Raises:
        ContractError: If the bytes are no message of this type.
    """
    try:
        return load_types().deserialize_cdr(raw, kind)
    except (SerdeError, struct.error, ValueError, IndexError, UnicodeDecodeError) as error:
        raise ContractError(topic, "the message", f"not readable ({error})", kind) from error


def encode_json(value: Mapping[str, Any]) -> bytes:
    """Returns JSON in a string message."""
    return encode_message(STRING, data=json.dumps(value, separators=(",", ":")))


def decode_json(raw: bytes, topic: str) -> dict[str, Any]:
    """Returns the JSON object of a string message.

    Raises:
        ContractError: If it holds none.
    """
    text = decode_message(raw, STRING, topic).data
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:  # Also of huge numbers and deep nesting.
        raise ContractError(topic, "data", f"no JSON ({error})", "a JSON object") from error
    if not isinstance(value, dict):
        raise ContractError(topic, "data", text, "a JSON object")
    return value


def encode_floats(values: Sequence[float] | np.ndarray[Any, Any]) -> bytes:
    """Returns numbers as ``Float64MultiArray``, without a layout."""
    layout = build_message("std_msgs/msg/MultiArrayLayout", dim=[], data_offset=0)
    return encode_message(FLOATS, layout=layout, data=np.asarray(values, np.float64))


def encode_bytes(values: bytes) -> bytes:
    """Returns bytes as ``UInt8MultiArray``, without a layout."""
    layout = build_message("std_msgs/msg/MultiArrayLayout", dim=[], data_offset=0)
    return encode_message(BYTES, layout=layout, data=np.frombuffer(values, np.uint8))


def build_header(stamp: Nanos, frame: str = "") -> Any:
    """Returns a header.

    Args:
        stamp: Time by the sender's clock [ns].
        frame: Frame of coordinates.
    """
    seconds, nanos = divmod(stamp, _NANOS)
    time = build_message("builtin_interfaces/msg/Time", sec=seconds, nanosec=nanos)
    return build_message("std_msgs/msg/Header", stamp=time, frame_id=frame)


def read_stamp(head: bytes) -> Nanos:
    """Returns the stamp in the header of a message [ns], from its first bytes alone."""
    order = "<" if head[1] & 1 else ">"
    seconds, nanos = struct.unpack_from(f"{order}iI", head, 4)
    return int(seconds) * _NANOS + int(nanos)
