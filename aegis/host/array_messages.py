"""Array messages: msgpack with numpy arrays, byte for byte as openpi's clients and servers pack it.

An array is a map with keys of bytes: ``__ndarray__``, ``data``, ``dtype``, ``shape``; a scalar of
numpy is one with ``__npgeneric__``. Types are truth values and plain numbers, which is all that
robots and policies exchange. What comes from outside is measured before anything is allocated for
it, and either becomes a value or one ``MessageError`` that names the field.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, TypeAlias

import msgpack
import numpy as np

from aegis.core.errors import MessageError
from aegis.host.message_outline import check_outline

Value: TypeAlias = Any
"""None, bool, int, float, text, bytes, array, or a list or mapping of values."""

_ARRAY, _SCALAR = b"__ndarray__", b"__npgeneric__"
_DATA, _DTYPE, _SHAPE = b"data", b"dtype", b"shape"
_DTYPE_OF_TEXT: Mapping[str, np.dtype[Any]] = {
    order + name: np.dtype(order + name)
    for name in ("b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8")
    for order in ("", "|", "<", ">")
}
_DTYPES = "truth values, whole numbers or floating-point numbers of at most 8 bytes: |b1, |u1, <f4"
_MOST_DIMENSIONS = 32
_DOUBLE_BYTES = 9
_FEWEST_ITEMS = 256
_LONGEST_NAME = 80
"""Letters of a key that a message repeats."""
_WHOLE = "the message"

Path: TypeAlias = tuple[object, ...]
"""Keys and places in lists that lead to a value; joined only where something is wrong with it."""


@dataclass(frozen=True, slots=True)
class MessageLimits:
    """How large a message from outside may be.

    Attributes:
        size: Bytes.
        items: Values in it, keys included; an array of numpy is a handful. None for as many as
            there would be if they were doubles, which take nine bytes: so nothing but the size
            limits activations and samples, and small values, each of which takes a hundred times
            its byte in memory, are not believed in any number.
        depth: Levels of nesting, that of the message itself included.
    """

    size: int = 1 << 24
    items: int | None = None
    depth: int = 16

    @property
    def most_items(self) -> int:
        """Values that a message may hold; some are always allowed."""
        return max(_FEWEST_ITEMS, self.size // _DOUBLE_BYTES) if self.items is None else self.items


DEFAULT_LIMITS = MessageLimits()


def pack_message(value: Value) -> bytes:
    """Returns a value as bytes.

    Raises:
        MessageError: If it holds something that cannot be sent.
    """
    try:
        packed = msgpack.packb(value, default=_pack_numpy)
    except MessageError:
        raise
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        allowed = "numbers, texts, bytes, arrays, lists and mappings"
        raise MessageError(_WHOLE, f"not to be packed ({error})", allowed) from error
    assert isinstance(packed, bytes)
    return packed


def unpack_message(data: bytes, limits: MessageLimits = DEFAULT_LIMITS) -> Value:
    """Returns the value that bytes say. Its arrays are read-only views of the bytes.

    Args:
        data: A whole message.
        limits: How large it may be.

    Raises:
        MessageError: If it is larger, or says no value; nothing else is raised.
    """
    if len(data) > limits.size:
        raise MessageError(_WHOLE, f"{len(data)} bytes long", f"at most {limits.size} bytes")
    check_outline(data, limits.most_items, limits.depth)
    try:
        raw = msgpack.unpackb(data, strict_map_key=True, use_list=True)
    except (ValueError, TypeError, msgpack.UnpackException) as error:
        raise MessageError(_WHOLE, f"no msgpack ({error})", "one value of msgpack") from error
    return _revive_value(raw, ())


def _pack_numpy(value: object) -> dict[bytes, object]:
    """Returns an array or a scalar of numpy as the map that stands for it."""
    if not isinstance(value, np.ndarray | np.generic):
        raise TypeError(f"{type(value).__name__} is no value of a message")
    if value.dtype.str not in _DTYPE_OF_TEXT:
        raise MessageError("an array", f"of type {value.dtype}", _DTYPES)
    if isinstance(value, np.ndarray):
        shape = value.shape
        return {_ARRAY: True, _DATA: value.tobytes(), _DTYPE: value.dtype.str, _SHAPE: shape}
    return {_SCALAR: True, _DATA: value.item(), _DTYPE: value.dtype.str}


def _revive_value(raw: object, path: Path) -> Value:
    """Returns a value with arrays in place of the maps that stand for them."""
    if isinstance(raw, dict):
        if _ARRAY in raw:
            return _revive_array(raw, path)
        if _SCALAR in raw:
            return _revive_scalar(raw, path)
        return {name: _revive_value(item, (*path, name)) for name, item in raw.items()}
    if isinstance(raw, list):
        if {dict, list}.isdisjoint(map(type, raw)):
            return raw
        return [_revive_value(item, (*path, i)) for i, item in enumerate(raw)]
    return raw


def _revive_array(raw: Mapping[object, object], path: Path) -> np.ndarray:
    """Returns the array that a map with keys of bytes stands for."""
    return read_array(raw.get(_DTYPE), raw.get(_DATA), raw.get(_SHAPE), path)


def read_array(
    dtype_text: object, data: object, shape: object, path: Path, most: int = _MOST_DIMENSIONS
) -> np.ndarray:
    """Returns an array, in this machine's order of bytes, of exactly the bytes that are there.

    Args:
        dtype_text: What names its type.
        data: Its bytes.
        shape: Its shape.
        path: Keys that lead to it, for the message.
        most: Dimensions that it may have.

    Raises:
        MessageError: If they make no array; nothing else is raised.
    """
    dtype = _read_dtype(dtype_text, path)
    if not isinstance(data, bytes):
        raise MessageError(_name_field(path, "data"), f"a {type(data).__name__}", "bytes")
    whole = isinstance(shape, list) and all(type(n) is int and n >= 0 for n in shape)
    if not isinstance(shape, list) or not whole or len(shape) > most:
        allowed = f"a list of at most {most} natural numbers"
        raise MessageError(_name_field(path, "shape"), shape, allowed)
    needed = prod(shape) * dtype.itemsize
    if needed != len(data):
        given, allowed = f"{len(data)} bytes long", f"{needed} bytes for {dtype} of {shape}"
        raise MessageError(_name_field(path, "data"), given, allowed)
    try:
        array = np.ndarray(tuple(shape), dtype, data)
    except (TypeError, ValueError, OverflowError) as error:
        given = f"{shape} ({error})"
        raise MessageError(_name_field(path, "shape"), given, "a shape of numpy") from error
    if not dtype.isnative:
        array = array.astype(dtype.newbyteorder("="))
        array.setflags(write=False)
    return array


def _revive_scalar(raw: Mapping[object, object], path: Path) -> np.generic:
    """Returns a scalar of numpy."""
    dtype, data = _read_dtype(raw.get(_DTYPE), path), raw.get(_DATA)
    if not isinstance(data, bool | int | float):
        raise MessageError(_name_field(path, "data"), type(data).__name__, "one number")
    try:
        with np.errstate(all="ignore"):
            made = dtype.type(data)
    except (TypeError, ValueError, OverflowError) as error:
        given, allowed = f"{data!r} ({error})", f"a value of {dtype}"
        raise MessageError(_name_field(path, "data"), given, allowed) from error
    return made  # type: ignore[no-any-return]


def _read_dtype(text: object, path: Path) -> np.dtype[Any]:
    """Returns the type that a text names."""
    dtype = _DTYPE_OF_TEXT.get(text) if isinstance(text, str) else None
    if dtype is None:
        raise MessageError(_name_field(path, "dtype"), repr(text), _DTYPES)
    return dtype


def _name_field(path: Path, part: str) -> str:
    """Returns the name of a part of an array. Keys come from outside, and may be of any length."""
    return ".".join(_shorten_name(name) for name in (*(path or (_WHOLE,)), part))


def _shorten_name(name: object) -> str:
    if isinstance(name, bytes):
        return name[:_LONGEST_NAME].decode("utf-8", "replace")
    return name[:_LONGEST_NAME] if isinstance(name, str) else str(name)
