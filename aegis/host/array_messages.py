"""Array messages: msgpack with numpy arrays, byte for byte as openpi's clients and servers pack it.

An array is a map with keys of bytes: ``__ndarray__``, ``data``, ``dtype``, ``shape``; a scalar of
numpy is one with ``__npgeneric__``. What comes from outside is measured before anything is
allocated for it, and either becomes a value or one ``MessageError`` that names the field.
"""

from __future__ import annotations

import re
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
_REFUSED_KINDS = "OVc"
_DTYPE_TEXT = re.compile(r"[<>|=]?[biufmMSU]\d{0,6}(\[\d{0,4}[A-Za-z]{1,2}\])?")
_DTYPES = "a type of numpy without objects, records and complex numbers, such as <f4 or |u1"
_WHOLE = "the message"


@dataclass(frozen=True, slots=True)
class MessageLimits:
    """How large a message from outside may be.

    Attributes:
        size: Bytes.
        items: Values in it, keys included; an array of numpy is a handful.
        depth: Levels of nesting, that of the message itself included.
    """

    size: int = 1 << 24
    items: int = 1 << 18
    depth: int = 16


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
    check_outline(data, limits.items, limits.depth)
    try:
        raw = msgpack.unpackb(data, strict_map_key=True, use_list=True)
    except (ValueError, TypeError, msgpack.UnpackException) as error:
        raise MessageError(_WHOLE, f"no msgpack ({error})", "one value of msgpack") from error
    return _revive_value(raw, "")


def _pack_numpy(value: object) -> dict[bytes, object]:
    """Returns an array or a scalar of numpy as the map that stands for it."""
    if not isinstance(value, np.ndarray | np.generic):
        raise TypeError(f"{type(value).__name__} is no value of a message")
    if value.dtype.kind in _REFUSED_KINDS:
        raise MessageError("an array", f"of type {value.dtype}", _DTYPES)
    if isinstance(value, np.ndarray):
        shape = value.shape
        return {_ARRAY: True, _DATA: value.tobytes(), _DTYPE: value.dtype.str, _SHAPE: shape}
    return {_SCALAR: True, _DATA: value.item(), _DTYPE: value.dtype.str}


def _revive_value(raw: object, path: str) -> Value:
    """Returns a value with arrays in place of the maps that stand for them."""
    if isinstance(raw, dict):
        if _ARRAY in raw:
            return _revive_array(raw, path or _WHOLE)
        if _SCALAR in raw:
            return _revive_scalar(raw, path or _WHOLE)
        return {name: _revive_value(item, _join_path(path, name)) for name, item in raw.items()}
    if isinstance(raw, list):
        if not any(isinstance(item, dict | list) for item in raw):
            return raw
        return [_revive_value(item, _join_path(path, i)) for i, item in enumerate(raw)]
    return raw


def _join_path(path: str, name: object) -> str:
    said = name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)
    return f"{path}.{said}" if path else said


def _revive_array(raw: Mapping[object, object], path: str) -> np.ndarray:
    """Returns an array whose bytes are as many as its shape and type say."""
    dtype = _read_dtype(raw.get(_DTYPE), path)
    data, shape = raw.get(_DATA), raw.get(_SHAPE)
    if not isinstance(data, bytes):
        raise MessageError(f"{path}.data", type(data).__name__, "bytes")
    whole = isinstance(shape, list) and all(type(n) is int and n >= 0 for n in shape)
    if not isinstance(shape, list) or not whole or len(shape) > 32:
        raise MessageError(f"{path}.shape", shape, "a list of at most 32 natural numbers")
    needed = prod(shape) * dtype.itemsize
    if needed != len(data):
        raise MessageError(
            f"{path}.data", f"{len(data)} bytes long", f"{needed} bytes for {dtype} of {shape}"
        )
    try:
        return np.ndarray(tuple(shape), dtype, data)
    except (TypeError, ValueError, OverflowError) as error:
        raise MessageError(f"{path}.shape", f"{shape} ({error})", "a shape of numpy") from error


def _revive_scalar(raw: Mapping[object, object], path: str) -> np.generic:
    """Returns a scalar of numpy."""
    dtype, data = _read_dtype(raw.get(_DTYPE), path), raw.get(_DATA)
    if not isinstance(data, bool | int | float | str | bytes):
        raise MessageError(f"{path}.data", type(data).__name__, "one number or text")
    try:
        with np.errstate(all="ignore"):
            made = dtype.type(data)
    except (TypeError, ValueError, OverflowError) as error:
        raise MessageError(f"{path}.data", f"{data!r} ({error})", f"a value of {dtype}") from error
    return made  # type: ignore[no-any-return]


def _read_dtype(text: object, path: str) -> np.dtype[Any]:
    """Returns the type that a text names."""
    if isinstance(text, str) and _DTYPE_TEXT.fullmatch(text):
        try:
            dtype = np.dtype(text)
        except (TypeError, ValueError):
            pass
        else:
            if dtype.kind not in _REFUSED_KINDS:
                return dtype
    raise MessageError(f"{path}.dtype", repr(text), _DTYPES)
