"""IDL types: message types of ROS 2, as Cyclone DDS announces them; contents stay bytes."""

from __future__ import annotations

from functools import cache
from typing import Any

from cyclonedds.idl import make_idl_struct, types
from rosbags.interfaces import Nodetype

from aegis.core.errors import ConfigError
from aegis.ros.message.cdr import load_types

idl: Any = types
"""Untyped: the library's generic types do not say that they are."""
_BASES: dict[str, Any] = {
    "bool": bool,
    "byte": idl.byte,
    "octet": idl.byte,
    "char": idl.uint8,
    "int8": idl.int8,
    "uint8": idl.uint8,
    "int16": idl.int16,
    "uint16": idl.uint16,
    "int32": idl.int32,
    "uint32": idl.uint32,
    "int64": idl.int64,
    "uint64": idl.uint64,
    "float32": idl.float32,
    "float64": idl.float64,
}
_WORD = 4
_OPTIONS = 3
"""Place of the byte, in front of a message, whose two lowest bits count the padding behind it."""


class RawMessage(bytes):
    """A message as bytes; cyclonedds hangs ``sample_info`` on it."""


def name_dds_type(kind: str) -> str:
    """Returns what a type of ROS 2 is called in DDS.

    Args:
        kind: For example ``"std_msgs/msg/Bool"``.
    """
    package, group, name = kind.split("/")
    return f"{package}::{group}::dds_::{name}_"


@cache
def build_type(kind: str) -> Any:
    """Returns a class whose objects carry the bytes of a message.

    Args:
        kind: For example ``"std_msgs/msg/Bool"``.

    Raises:
        ConfigError: If its definition is not known.
    """
    if kind not in load_types().fielddefs:
        raise ConfigError(
            f"type '{kind}' cannot be carried over cyclonedds, which knows only the messages of "
            "Jazzy's common packages. Use ros.transport=rclpy"
        )
    fields = {name: _build_field(field) for name, field in load_types().fielddefs[kind][1]}
    built: Any = make_idl_struct(f"{kind.split('/')[-1]}_", name_dds_type(kind), fields)
    built.__init__ = _keep_bytes
    built.serialize = lambda message, **_: pad_message(message.raw)
    built.deserialize = classmethod(lambda _, raw, **__: RawMessage(strip_padding(raw)))
    # No type has a key: all messages of a topic belong together.
    built.serialize_key = lambda *_, **__: b"\0\1\0\0"
    built.deserialize_key = classmethod(lambda *_, **__: None)
    return built


def pad_message(raw: bytes) -> bytes:
    """Returns a message with the padding that DDS wants, which its header counts.

    Args:
        raw: The message.
    """
    padding = -len(raw) % _WORD
    if not padding:
        return raw
    return raw[:_OPTIONS] + bytes([raw[_OPTIONS] | padding]) + raw[_WORD:] + bytes(padding)


def strip_padding(raw: bytes) -> bytes:
    """Returns a message without the padding that its header counts.

    Args:
        raw: The message.
    """
    padding = raw[_OPTIONS] % _WORD
    if not padding:
        return raw
    return raw[:_OPTIONS] + bytes([raw[_OPTIONS] - padding]) + raw[_WORD:-padding]


def _keep_bytes(message: Any, raw: bytes) -> None:
    message.raw = raw


def _build_field(field: Any) -> Any:
    """Returns the type of a field, given its definition."""
    node, given = field
    if node is Nodetype.NAME:
        return build_type(given)
    if node is Nodetype.BASE:
        name, most = given
        if name == "string":
            return idl.bounded_str[most] if most else str
        return _BASES[name]
    inner, count = given
    element = _build_field(inner)
    if node is Nodetype.ARRAY:
        return idl.array[element, count]
    return idl.sequence[element, count] if count else idl.sequence[element]
