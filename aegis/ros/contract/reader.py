"""Contract reader: from the YAML of a robot to its contract; it refuses unknown keys."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from aegis.core.errors import ConfigError, UnknownNameError
from aegis.ros.contract.contract import Contract

T = TypeVar("T")


def read_contract(**parts: object) -> Contract:
    """Reads a contract.

    Args:
        parts: The attributes of ``Contract``, as YAML has them.

    Raises:
        ConfigError: If a value is missing or of another type.
        UnknownNameError: If a key is unknown.
    """
    return _read_part(Contract, parts, "contract")


def _read_part(kind: type[T], node: object, where: str) -> T:
    if not isinstance(node, Mapping):
        raise ConfigError(f"'{where}' must be a part with keys of its own. Got: {node!r}.")
    assert is_dataclass(kind)
    known = {field.name: field for field in fields(kind)}
    for name in node:
        if name not in known:
            raise UnknownNameError("key", name, known, f"'{where}'")
    for name, field in known.items():
        if name not in node and field.default is MISSING and field.default_factory is MISSING:
            raise ConfigError(f"'{where}.{name}' is missing. {_find_meaning(kind, name)}")
    hints = get_type_hints(kind)
    read = {
        name: _read_value(hints[name], value, f"{where}.{name}") for name, value in node.items()
    }
    return kind(**read)


def _read_value(kind: Any, value: object, where: str) -> object:
    """Reads a value of an annotated type."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return _read_union(arguments, value, where)
    if origin is Literal:
        if value not in arguments:
            raise UnknownNameError("value", value, arguments, f"'{where}'")
        return value
    if origin is tuple:
        return _read_sequence(arguments, value, where)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            raise ConfigError(f"'{where}' must map names to parts. Got: {value!r}.")
        return {
            str(name): _read_value(arguments[1], one, f"{where}.{name}")
            for name, one in value.items()
        }
    if isinstance(kind, type) and is_dataclass(kind):
        return _read_part(kind, value, where)
    return _read_plain(kind, value, where)


def _read_union(arguments: tuple[Any, ...], value: object, where: str) -> object:
    if value is None and types.NoneType in arguments:
        return None
    kinds = [kind for kind in arguments if kind is not types.NoneType]
    if len(kinds) == 1:
        return _read_value(kinds[0], value, where)
    if isinstance(value, tuple(kinds)) and not isinstance(value, bool):
        return value
    raise ConfigError(
        f"'{where}' must be {' or '.join(k.__name__ for k in kinds)}. Got: {value!r}."
    )


def _read_sequence(arguments: tuple[Any, ...], value: object, where: str) -> tuple[object, ...]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise ConfigError(f"'{where}' must be a list. Got: {value!r}.")
    kinds = [arguments[0]] * len(value) if arguments[-1] is Ellipsis else list(arguments)
    if len(kinds) != len(value):
        raise ConfigError(f"'{where}' must have {len(kinds)} entries. Got: {value!r}.")
    pairs = zip(kinds, value, strict=True)
    return tuple(_read_value(kind, one, f"{where}[{i}]") for i, (kind, one) in enumerate(pairs))


def _read_plain(kind: type, value: object, where: str) -> object:
    wanted = int if kind is float else kind
    fits = isinstance(value, (kind, wanted)) and (kind is bool or not isinstance(value, bool))
    if not fits or value != value:  # NaN is no bound
        raise ConfigError(f"'{where}' must be of type {kind.__name__}. Got: {value!r}.")
    return kind(value)


def _find_meaning(kind: type, name: str) -> str:
    """Returns the line of a docstring that says what an attribute is."""
    lines = (kind.__doc__ or "").splitlines()
    found = [line.strip() for line in lines if line.strip().startswith(f"{name}:")]
    return f"It is: {found[0]}" if found else ""
