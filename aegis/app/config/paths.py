"""Paths in configurations: shipped files are found in their package, others from where one stands.

A path such as ``policies/nano_vla/checkpoints/weak.safetensors`` begins with the name of a package;
if the package holds that file, it is meant, wherever it is installed. All other relative paths
begin in the folder that the command was typed in, as they do for every program; so does one that
begins with ``./``. Configurations and locked plans keep the path as it was written, so that they
mean the same on every machine; it is replaced when something is built from it.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar, cast

from aegis.app.config.own_packages import OWN_PACKAGES, check_own_package

_T = TypeVar("_T")


def resolve_paths(value: _T, packages: Sequence[str] = ()) -> _T:
    """Returns a value of a configuration, with the paths of shipped files made absolute.

    Args:
        value: Text, number, list or mapping.
        packages: Packages of the user's own whose files may be named, too.

    Raises:
        ConfigError: If a package of ours is hidden by another one.
    """
    if isinstance(value, str):
        return cast("_T", _resolve(value, packages))
    if isinstance(value, Mapping):
        return cast("_T", {name: resolve_paths(item, packages) for name, item in value.items()})
    if isinstance(value, list):
        return cast("_T", [resolve_paths(item, packages) for item in value])
    return value


def find_packaged_file(text: str, packages: Sequence[str] = ()) -> Path | None:
    """Returns the file or folder of a package that a path names; None if it names none.

    Args:
        text: The path, with ``/``.
        packages: Packages of the user's own.
    """
    package, slash, rest = text.partition("/")
    if (
        not slash
        or not rest
        or ".." in rest.split("/")
        or package not in (*OWN_PACKAGES, *packages)
    ):
        return None
    for folder in _folders(package):
        if (folder / rest).exists():
            return folder / rest
    return None


def _resolve(text: str, packages: Sequence[str]) -> str:
    found = find_packaged_file(text, packages)
    return text if found is None else str(found)


def _folders(package: str) -> list[Path]:
    if package in OWN_PACKAGES:
        check_own_package(package)
    spec = importlib.util.find_spec(package)
    return [] if spec is None else [Path(p) for p in spec.submodule_search_locations or ()]
