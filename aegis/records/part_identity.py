"""Part identity: a text for a detector, a gate or a switch that is the same everywhere.

A text holds no memory address and no order of a set or a mapping, so that it is equal in every
process, on every machine and under every Python version, and differs where behaviour may differ.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from typing import Any

import numpy as np

from aegis.core.errors import PluginError

_PLAIN = (bool, int, float, complex, str, bytes, range, type(None))


class PartOrigins:
    """Configured arguments of built parts, for those that cannot describe themselves."""

    def __init__(self) -> None:
        self._found: list[tuple[object, str]] = []

    def add_part(self, part: object, arguments: str) -> None:
        """Notes what a part was built from.

        Args:
            part: What was built.
            arguments: Its class and arguments, in words that are equal wherever they are.
        """
        self._found.append((part, arguments))

    def find_arguments(self, part: object) -> str | None:
        """Returns what a part was built from; None if that was not noted."""
        # By identity: parts need not be hashable, and equal ones may have been built from other
        # arguments.
        return next((said for known, said in self._found if known is part), None)


def describe_part(part: object, origins: PartOrigins | None = None) -> str:
    """Returns what a detector, a gate or a switch is, in words that are the same everywhere.

    Its own ``digest`` if it has one; else, of a dataclass, its fields; else the source of its class
    with its configured arguments, or with its attributes where it was built without configuration.

    Args:
        part: The part.
        origins: What parts were built from.

    Raises:
        PluginError: If none of these can be told; says what the author can do.
    """
    digest = getattr(part, "digest", None)
    if isinstance(digest, str):
        return digest
    kind = type(part)
    said = None if origins is None else origins.find_arguments(part)
    if is_dataclass(part) and (said is None or _is_plain(part)):
        return describe_value(part)
    if said is None:
        said = describe_value(_read_attributes(part), f"attributes of {kind.__qualname__}")
    return f"{kind.__module__}.{kind.__qualname__} {said} {digest_source(kind)}"


def describe_value(value: object, where: str = "") -> str:
    """Returns a value in words; that of plain values, tuples and dataclasses is their ``repr``.

    Args:
        value: Plain value, array, container of such values, or dataclass of them.
        where: What it is the value of, for the message.

    Raises:
        PluginError: If words for it would hold an address in memory.
    """
    # Not isinstance: an IntEnum is an int and numpy's float64 a float, but their repr is another
    # one.
    if type(value) in _PLAIN:
        return repr(value)
    if isinstance(value, Enum):
        return f"{type(value).__qualname__}.{value.name}"
    if isinstance(value, np.generic):
        return describe_value(value.item(), where)
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufcSU":
        data = np.ascontiguousarray(value)
        return f"array({data.dtype.str}, {data.shape}, {_hash_bytes(data.tobytes())})"
    if hasattr(value, "__fspath__"):
        return repr(str(value))
    if is_dataclass(value) and not isinstance(value, type):
        return _describe_dataclass(value, where)
    if isinstance(value, tuple | list | set | frozenset | Mapping):
        return _describe_container(value, where)
    if isinstance(value, type) or inspect.isfunction(value):
        return _describe_definition(value, where)
    raise PluginError(
        f"Identity of {where or type(value).__qualname__}",
        "a part says what it is, so that no resume mixes two experiments",
        f"{type(value).__module__}.{type(value).__qualname__}, whose words hold an address",
        "numbers, texts, arrays, containers and dataclasses of them",
        "Give the class an attribute or property 'digest': a text that changes with all that its "
        "results depend on, for example a hash of its weights and settings",
    )


def digest_source(kind: type[Any]) -> str:
    """Returns a digest of the source of a class.

    Raises:
        PluginError: If Python does not have it.
    """
    try:
        return _hash_bytes(inspect.getsource(kind).encode())
    except (OSError, TypeError) as error:
        raise PluginError(
            f"Identity of {kind.__qualname__}",
            "a part without a digest is told by the source of its class",
            f"no source ({error})",
            "a class that is written in a file",
            "Write it into a module, or give the class an attribute 'digest': a text that changes "
            "with all that its results depend on",
        ) from error


def _is_plain(part: object) -> bool:
    """Says whether words for a part can be found."""
    try:
        describe_value(part)
    except PluginError:
        return False
    return True


def _describe_dataclass(value: object, where: str) -> str:
    """Returns a dataclass as its ``repr`` would be, and what it has of later options behind it."""
    shown, later = [], []
    for one in fields(value):  # type: ignore[arg-type]
        item = getattr(value, one.name)
        said = describe_value(item, f"{where or type(value).__qualname__}.{one.name}")
        if not one.metadata.get("added_later", False):
            shown.append(f"{one.name}={said}")
        elif not _is_default(one, item):
            later.append(f"({one.name!r}, {said})")
    words = f"{type(value).__qualname__}({', '.join(shown)})"
    return f"({words}, [{', '.join(later)}])" if later else words


def _is_default(one: Field[Any], item: object) -> bool:
    if one.default is not MISSING:
        return bool(item == one.default)
    return one.default_factory is not MISSING and bool(item == one.default_factory())


def _describe_container(value: object, where: str) -> str:
    if isinstance(value, Mapping):
        pairs = ((describe_value(k, where), describe_value(v, where)) for k, v in value.items())
        return f"{{{', '.join(f'{name}: {item}' for name, item in sorted(pairs))}}}"
    assert isinstance(value, Iterable)
    said = [describe_value(item, where) for item in value]
    if isinstance(value, set | frozenset):
        return f"{{{', '.join(sorted(said))}}}"
    if isinstance(value, tuple):
        return f"({', '.join(said)}{',' if len(said) == 1 else ''})"
    return f"[{', '.join(said)}]"


def _describe_definition(value: Any, where: str) -> str:
    """Returns the path of a class or function; one that has none is no plain value."""
    if "<" in value.__qualname__:
        raise PluginError(
            f"Identity of {where or value.__qualname__}",
            "a part says what it is, so that no resume mixes two experiments",
            f"{value.__qualname__}, which has no name of its own",
            "functions and classes at the level of a module",
            "Move it there, or give the class of the part an attribute 'digest'",
        )
    return f"{value.__module__}.{value.__qualname__}"


def _read_attributes(part: object) -> dict[str, object]:
    """Returns what an object holds, in its dictionary and its slots."""
    slots = [
        name
        for kind in type(part).__mro__
        for name in _list_slots(kind)
        if hasattr(part, name) and name not in ("__dict__", "__weakref__")
    ]
    return {**{name: getattr(part, name) for name in slots}, **getattr(part, "__dict__", {})}


def _list_slots(kind: type[Any]) -> tuple[str, ...]:
    given = kind.__dict__.get("__slots__", ())
    return (given,) if isinstance(given, str) else tuple(given)


def _hash_bytes(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=8).hexdigest()
