"""Targets: Python objects that a configuration may name, and checks of their arguments."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import ModuleType, NoneType, UnionType
from typing import Union, get_args, get_origin, get_type_hints

from aegis.app.config.own_packages import OWN_PACKAGES, check_own_package
from aegis.app.config.quoting import describe_quoting
from aegis.app.extras import build_missing_error
from aegis.core.errors import ConfigError, UnknownNameError

CALIBRATED = "calibrated"
"""Placeholder of a number from the probe's calibration, see aegis/app/config/arm_builder.py."""

ConfigNode = Mapping[str, object]
_TYPE_WORDS: dict[object, str] = {
    bool: "true or false",
    int: "an integer",
    float: "a number",
    str: "a text",
    Path: "a path",
    NoneType: "null",
}
_HYDRA_KEYS = ("_partial_", "_args_", "_recursive_", "_convert_")


def walk_targets(node: object, where: str = "") -> Iterator[tuple[str, ConfigNode]]:
    """Yields every mapping of a tree that names a target, with its key path; deepest first."""
    if isinstance(node, Mapping):
        for name, child in node.items():
            yield from walk_targets(child, f"{where}.{name}" if where else str(name))
        if any(str(name).startswith("_") for name in node):
            yield where, node
    elif isinstance(node, Sequence) and not isinstance(node, str):
        for i, child in enumerate(node):
            yield from walk_targets(child, f"{where}[{i}]")


def check_tree(tree: ConfigNode, trusted: Sequence[str]) -> None:
    """Checks every target of a tree before any of them is imported, then their arguments.

    Args:
        tree: A composed configuration.
        trusted: The user's packages that it may name besides AEGIS's.

    Raises:
        ConfigError: If a target lies elsewhere, or the tree contains an instruction to hydra.
        UnknownNameError: If a target does not exist or does not take an argument.
    """
    nodes = list(walk_targets(tree))
    for where, node in nodes:
        _check_target_allowed(where, node, trusted)
    for where, node in nodes:
        check_arguments(where, node, trusted)
        check_types(where, node, trusted)


def _check_target_allowed(where: str, node: ConfigNode, trusted: Sequence[str]) -> None:
    special = [name for name in node if str(name).startswith("_") and name != "_target_"]
    if special:
        raise ConfigError(
            f"'{where}' holds {', '.join(map(str, special))}. Only _target_ and plain arguments "
            f"may stand in a configuration (never {', '.join(_HYDRA_KEYS)})."
        )
    target = node["_target_"]
    roots = (*OWN_PACKAGES, *trusted)
    if not isinstance(target, str) or target.split(".")[0] not in roots or "." not in target:
        raise ConfigError(
            f"'{where}._target_' is '{target}'. A target must lie in {', '.join(OWN_PACKAGES)}"
            f"{''.join(', ' + name for name in trusted)}. To use a package of your own, name it: "
            "trusted=[my_package]."
        )


def locate_target(target: str, where: str, trusted: Sequence[str] = ()) -> Callable[..., object]:
    """Imports a target.

    Raises:
        ConfigError: If it is defined outside the allowed packages (and only imported there), or
            cannot be called.
        UnknownNameError: If it does not exist.
        MachineError: If it needs a package that an extra installs.
    """
    module, path = _import_longest_module(target, where)
    located: object = module
    for name in target.split(".")[len(path.split(".")) :]:
        member = getattr(located, name, None)
        if member is None:
            raise UnknownNameError(
                "target", name, _list_public_names(vars(located)), f"{where} ({path})"
            )
        located = member
    home = str(getattr(located, "__module__", ""))
    if home.split(".")[0] not in (*OWN_PACKAGES, *trusted) or not callable(located):
        raise ConfigError(f"'{where}._target_' is '{target}', defined in '{home}', not in ours.")
    return located


def _import_longest_module(target: str, where: str) -> tuple[ModuleType, str]:
    """Imports the longest module path at the start of a target."""
    parts = target.split(".")
    path, module = parts[0], _import_root(parts[0], where)
    for name in parts[1:-1]:
        try:
            module = importlib.import_module(f"{path}.{name}")
        except ModuleNotFoundError as error:
            if error.name != f"{path}.{name}":
                missing = build_missing_error(error, f"'{where}'", path)
                raise missing or ConfigError(
                    f"'{where}' needs the Python package '{error.name}', which is not installed."
                ) from error
            if hasattr(module, name):
                break
            raise UnknownNameError(
                "module", name, _list_modules(path), f"{where}._target_"
            ) from error
        path = f"{path}.{name}"
    return module, path


def _import_root(name: str, where: str) -> ModuleType:
    if name in OWN_PACKAGES:
        check_own_package(name)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"'{where}._target_': Python cannot find '{error.name}'. Install it, or add its folder "
            "to PYTHONPATH."
        ) from error


def _list_modules(package: str) -> list[str]:
    return [
        info.name
        for info in pkgutil.iter_modules(getattr(importlib.import_module(package), "__path__", ()))
    ]


def _list_public_names(names: Mapping[str, object]) -> list[str]:
    return sorted(name for name, value in names.items() if name[0].isupper() and callable(value))


def check_arguments(
    where: str, node: ConfigNode, trusted: Sequence[str] = (), filled_in: int = 0
) -> None:
    """Checks that a target accepts its configured arguments.

    Args:
        where: Key path of the node.
        node: The target and its arguments.
        trusted: The user's packages.
        filled_in: Number of further arguments that the command fills in.

    Raises:
        UnknownNameError: If it does not accept one of them.
        ConfigError: If one is missing.
    """
    target = locate_target(str(node["_target_"]), where, trusted)
    arguments = {str(name): value for name, value in node.items() if name != "_target_"}
    signature = inspect.signature(target)
    takes_any = any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values())
    for name in arguments:
        if name not in signature.parameters and not takes_any:
            raise UnknownNameError("option", name, signature.parameters, f"'{where}'")
    try:
        signature.bind(*([None] * filled_in), **arguments)
    except TypeError as error:
        raise ConfigError(f"'{where}' does not fit {node['_target_']}: {error}.") from error


def check_types(where: str, node: ConfigNode, trusted: Sequence[str] = ()) -> None:
    """Checks numbers, flags and texts against the annotations of a target.

    Raises:
        ConfigError: If an argument is of another type.
    """
    target = locate_target(str(node["_target_"]), where, trusted)
    # A class is annotated on its __init__, which dataclasses write themselves.
    owner = target.__init__ if isinstance(target, type) else target  # type: ignore[misc]
    hints = get_type_hints(owner)
    for name, value in node.items():
        hint = hints.get(name)
        allowed = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
        if not all(kind in _TYPE_WORDS for kind in allowed) or type(value) in allowed:
            continue
        if value == CALIBRATED:
            continue
        if (type(value) is int and float in allowed) or (type(value) is str and Path in allowed):
            continue
        words = " or ".join(_TYPE_WORDS[kind] for kind in allowed)
        key = f"{where}.{name}"
        hint = describe_quoting(key, value) if {str, Path} & set(allowed) else ""
        raise ConfigError(f"'{key}' must be {words}. Got: {value!r}.{hint}")


def make_plain_factory(
    where: str, node: ConfigNode, trusted: Sequence[str] = ()
) -> partial[object]:
    """Returns a callable that builds a target whose arguments are plain; it can be pickled.

    Raises:
        ConfigError: If an argument is a target itself.
    """
    arguments = {str(name): value for name, value in node.items() if name != "_target_"}
    if any(True for _ in walk_targets(arguments)):
        raise ConfigError(f"'{where}' is built in other processes; its arguments must be plain.")
    return partial(locate_target(str(node["_target_"]), where, trusted), **arguments)
