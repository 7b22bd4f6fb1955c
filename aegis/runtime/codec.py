"""Codec: immutable values to JSON and arrays, and back, bit for bit and without pickle.

What a controller remembers is made of numbers, texts, arrays, tuples, mappings, enums and
dataclasses, those of plug-ins included. Reading builds only dataclasses and enums of modules that
are imported already, so a file can name code but bring none.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aegis.core.errors import SnapshotError

Arrays = dict[str, NDArray[Any]]


def encode_value(value: object, arrays: Arrays) -> object:
    """Returns a value as JSON; its arrays are added to ``arrays``.

    Raises:
        SnapshotError: If it holds something else.
    """
    if value is None or isinstance(value, bool | str):
        return value
    # Before int and float: an IntEnum is an int, and numpy's float64 is a float.
    if isinstance(value, Enum):
        return {"enum": _qualify_class(type(value)), "is": value.name}
    if isinstance(value, np.ndarray | np.generic):
        return {"array": _store_array(value, arrays), "scalar": isinstance(value, np.generic)}
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        # Hexadecimal is exact, and JSON has no NaN and no infinity.
        return {"float": value.hex()}
    if isinstance(value, tuple | list):
        return {type(value).__name__: [encode_value(item, arrays) for item in value]}
    if isinstance(value, Mapping):
        return {
            "map": [[encode_value(k, arrays), encode_value(v, arrays)] for k, v in value.items()]
        }
    if is_dataclass(value) and not isinstance(value, type):
        parts = {
            f.name: encode_value(getattr(value, f.name), arrays) for f in fields(value) if f.init
        }
        return {"class": _qualify_class(type(value)), "with": parts}
    raise SnapshotError(
        f"A {type(value).__module__}.{type(value).__qualname__} cannot be kept in a file. What a "
        "detector, gate or switch remembers must be made of numbers, texts, arrays, tuples, "
        "mappings, enums and dataclasses."
    )


def decode_value(node: Any, arrays: Mapping[str, NDArray[Any]]) -> Any:
    """Returns the value that ``encode_value`` was given.

    Args:
        node: What ``encode_value`` returned, after a round trip through JSON.
        arrays: The arrays that it set aside, by name, of any shapes and with their own units. They
            are copied, so the value may be written to.

    Raises:
        SnapshotError: If it names a class that is not here.
    """
    if not isinstance(node, dict):
        return node
    if "float" in node:
        return float.fromhex(node["float"])
    if "array" in node:
        array = arrays[node["array"]]
        return array[()] if node["scalar"] else np.array(array)
    if "tuple" in node:
        return tuple(decode_value(item, arrays) for item in node["tuple"])
    if "list" in node:
        return [decode_value(item, arrays) for item in node["list"]]
    if "map" in node:
        return {decode_value(k, arrays): decode_value(v, arrays) for k, v in node["map"]}
    if "enum" in node:
        return _find_class(node["enum"], lambda c: issubclass(c, Enum))[node["is"]]
    kind = _find_class(node["class"], is_dataclass)
    return kind(**{name: decode_value(part, arrays) for name, part in node["with"].items()})


def _store_array(value: NDArray[Any] | np.generic, arrays: Arrays) -> str:
    """Sets an array of any shape aside and returns the name that it has there."""
    array = np.asarray(value)
    if array.dtype.hasobject:
        raise SnapshotError(f"An array of Python objects ({array.dtype}) cannot be kept in a file.")
    name = f"array{len(arrays)}"
    arrays[name] = array
    return name


def _qualify_class(kind: type) -> str:
    return f"{kind.__module__}:{kind.__qualname__}"


def _find_class(name: str, allowed: Any) -> Any:
    module, _, qualname = name.partition(":")
    # Only in modules that are loaded: to import what a file names would let the file run code.
    kind = vars(sys.modules.get(module) or object).get(qualname)
    if not isinstance(kind, type) or not allowed(kind):
        raise SnapshotError(
            f"The snapshot holds a '{name}', which is not here. Build the controller with the "
            "detectors, gate and switch that it was taken with first."
        )
    return kind
