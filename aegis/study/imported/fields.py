"""Fields: values of somebody else's file, checked one by one; a message names file and field."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aegis.core.errors import TraceError

_NATURAL = 1 << 31


def read_json_file(path: Path) -> Mapping[str, Any]:
    """Reads an object of JSON, with the NaN that Python writes.

    Raises:
        TraceError: If it is missing or damaged.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise TraceError(f"{path} is missing or damaged: {error}.") from error
    if not isinstance(content, dict):
        raise TraceError(f"{path} holds a {type(content).__name__}; a result is an object.")
    return content


def parse_object(text: object, where: str) -> Mapping[str, Any]:
    """Returns an object that stands as JSON in a text; nothing for no text.

    Raises:
        TraceError: If it is none.
    """
    if text is None:
        return {}
    try:
        content = json.loads(str(text))
    except (ValueError, RecursionError) as error:
        raise TraceError(f"{where} is damaged: {error}.") from error
    return take_object(content, where)


def take_object(value: object, where: str) -> Mapping[str, Any]:
    """Returns an object.

    Raises:
        TraceError: If it is none.
    """
    if not isinstance(value, Mapping):
        raise TraceError(f"{where} must be an object. Got: {_shorten(value)}.")
    return value


def take_list(value: object, where: str) -> Sequence[Any]:
    """Returns a list.

    Raises:
        TraceError: If it is none.
    """
    if not isinstance(value, list):
        raise TraceError(f"{where} must be a list. Got: {_shorten(value)}.")
    return value


def take_text(value: object, where: str) -> str:
    """Returns a text without line breaks.

    Raises:
        TraceError: If it is none, or empty.
    """
    if not isinstance(value, str) or not value.strip():
        raise TraceError(f"{where} must be a text. Got: {_shorten(value)}.")
    return re.sub(r"\s+", " ", value).strip()


def take_number(value: object, where: str) -> int:
    """Returns a natural number or 0.

    Raises:
        TraceError: If it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < _NATURAL:
        raise TraceError(f"{where} must be a natural number or 0. Got: {_shorten(value)}.")
    return value


def take_flag(value: object, where: str) -> bool:
    """Returns true or false; 1 and 0 will do.

    Raises:
        TraceError: If it is neither.
    """
    if value not in (0, 1) or not isinstance(value, bool | int | float):
        raise TraceError(f"{where} must be true or false. Got: {_shorten(value)}.")
    return bool(value)


def _shorten(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:100]} ..."
