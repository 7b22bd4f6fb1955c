"""Messages: vla-eval's envelope, and arrays and pictures as it packs them.

A message is a map of msgpack: type, payload, number, time. An array is a map with keys of text,
``__ndarray__``, ``data``, ``dtype``, ``shape``; a picture is one with ``__image__``, packed as PNG
or JPEG or not at all. Source: https://github.com/allenai/vla-evaluation-harness, release 0.8.0.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aegis.core.errors import MessageError
from aegis.core.types import F32, U8
from aegis.host.array_messages import (
    MessageLimits,
    Value,
    pack_message,
    read_array,
    unpack_message,
)
from aegis.serve.pictures import PictureForm

PROTOCOL = 1
"""Number of vla-eval's protocol."""
HELLO, OBSERVATION, ACTION = "hello", "observation", "action"
EPISODE_START, EPISODE_END, ERROR = "episode_start", "episode_end", "error"
_TYPES = (HELLO, OBSERVATION, ACTION, EPISODE_START, EPISODE_END, ERROR)
_ARRAY, _IMAGE = "__ndarray__", "__image__"
_MOST_DIMENSIONS = 4
_PACKED = {"png": "PNG", "jpeg": "JPEG"}


@dataclass(frozen=True, slots=True)
class Message:
    """What one side says.

    Attributes:
        kind: Its type, for example ``"observation"``.
        payload: What it brings.
        number: Number that an answer repeats.
    """

    kind: str
    payload: Mapping[str, Value]
    number: int


def read_message(frame: bytes | str, limits: MessageLimits) -> Message:
    """Reads a frame.

    Args:
        frame: What came.
        limits: How large it may be.

    Raises:
        MessageError: If it is no message of vla-eval; it names the field.
    """
    if isinstance(frame, str):
        raise MessageError("the message", "a text frame", "a binary frame of msgpack")
    raw = unpack_message(frame, limits)
    if not isinstance(raw, dict):
        raise MessageError("the message", f"a {type(raw).__name__}", "a mapping")
    kind, payload, number = raw.get("type"), raw.get("payload"), raw.get("seq")
    if kind not in _TYPES:
        raise MessageError("type", repr(kind), ", ".join(_TYPES))
    if not isinstance(payload, dict) or not all(isinstance(name, str) for name in payload):
        raise MessageError("payload", f"a {type(payload).__name__}", "a mapping of texts to values")
    if type(number) is not int or not 0 <= number < 1 << 63:
        raise MessageError("seq", repr(number), "a natural number or 0")
    return Message(kind, payload, number)


def pack_reply(kind: str, payload: Mapping[str, Value], number: int, now: float) -> bytes:
    """Returns an answer as bytes.

    Args:
        kind: Its type.
        payload: What it brings.
        number: Number of the message that it answers.
        now: Time since 1970 [s].
    """
    packed = {name: _pack_array(value) for name, value in payload.items()}
    return pack_message({"type": kind, "payload": packed, "seq": number, "timestamp": now})


def read_picture_map(value: Value, key: str, form: PictureForm) -> U8:
    """Returns a picture, whichever way it was packed. Shape (h, w, 3).

    Its size is checked before it is unpacked.

    Args:
        value: What was sent.
        key: Its key, for messages.
        form: What sizes are taken.

    Raises:
        MessageError: If it is none.
    """
    if not isinstance(value, Mapping):
        given = "missing" if value is None else f"a {type(value).__name__}"
        raise MessageError(key, given, "a picture: a mapping with __image__ or __ndarray__")
    if value.get(_IMAGE) is not True:
        return _require_picture(read_array_map(value, key), key)
    packing = value.get("format")
    if packing == "raw":
        return _require_picture(_read_array(value, key), key)
    if packing not in _PACKED:
        raise MessageError(f"{key}.format", repr(packing), f"raw, {', '.join(_PACKED)}")
    data = value.get("data")
    if not isinstance(data, bytes):
        raise MessageError(f"{key}.data", f"a {type(data).__name__}", "bytes")
    return _unpack_picture(data, _PACKED[packing], key, form)


def read_array_map(value: Value, key: str) -> NDArray[Any]:
    """Returns an array.

    Raises:
        MessageError: If it is none.
    """
    if not isinstance(value, Mapping) or value.get(_ARRAY) is not True:
        given = "missing" if value is None else f"a {type(value).__name__}"
        raise MessageError(key, given, "an array: a mapping with __ndarray__")
    return _read_array(value, key)


def read_state_map(value: Value, key: str) -> F32:
    """Returns proprioception, finite. Shape (p,).

    Raises:
        MessageError: If it is none.
    """
    array = read_array_map(value, key)
    if array.ndim != 1 or array.dtype.kind != "f":
        raise MessageError(key, f"{array.dtype} of shape {array.shape}", "floats of shape (p,)")
    with np.errstate(over="ignore"):
        state = array.astype(np.float32)
    if not np.isfinite(state).all():
        raise MessageError(key, str(array), "finite numbers")
    return state


def _read_array(value: Mapping[object, Value], key: str) -> NDArray[Any]:
    """Returns an array of exactly the bytes that are there."""
    dtype, data, shape = (value.get(name) for name in ("dtype", "data", "shape"))
    return read_array(dtype, data, shape, (key,), _MOST_DIMENSIONS)


def _unpack_picture(data: bytes, packing: str, key: str, form: PictureForm) -> U8:
    from PIL import Image

    allowed = f"{packing}, RGB"
    try:
        with Image.open(io.BytesIO(data), formats=(packing,)) as picture:
            form.check_size(picture.height, picture.width, key)
            if picture.mode != "RGB":
                raise MessageError(f"{key}.data", picture.mode, allowed)
            return _require_picture(np.asarray(picture), key)
    except MessageError:
        raise
    # Pillow raises what the libraries behind it raise.
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise MessageError(f"{key}.data", f"no picture ({error})", allowed) from error


def _require_picture(array: NDArray[Any], key: str) -> U8:
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or not array.size:
        raise MessageError(key, f"{array.dtype} of shape {array.shape}", "uint8 of shape (h, w, 3)")
    return array


def _pack_array(value: Value) -> Value:
    """Returns an array as the map that stands for it; everything else as it is."""
    if not isinstance(value, np.ndarray):
        return value
    data, shape = np.ascontiguousarray(value).tobytes(), list(value.shape)
    return {_ARRAY: True, "data": data, "dtype": value.dtype.str, "shape": shape}
