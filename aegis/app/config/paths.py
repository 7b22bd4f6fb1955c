"""Paths in configurations: shipped files lie in their package, others in the working folder.

A path such as ``policies/nano_vla/checkpoints/weak.safetensors`` begins with the name of a package;
if the package holds that file, the path means it, wherever the package is installed. All other
relative paths, and those that begin with ``./``, start in the working folder. Configurations and
locked plans keep paths unresolved, so that they mean the same on every machine; paths are resolved
when something is built.
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
        packages: The user's packages whose files may be named, too.

    Raises:
        ConfigError: If another package hides one of AEGIS's.
    """
    if isinstance(value, str):
        return cast("_T", _resolve_text(value, packages))
    if isinstance(value, Mapping):
        return cast("_T", {name: resolve_paths(item, packages) for name, item in value.items()})
    if isinstance(value, list):
        return cast("_T", [resolve_paths(item, packages) for item in value])
    return value


def find_packaged_file(text: str, packages: Sequence[str] = ()) -> Path | None:
    """Returns the file or folder of a package that a path names; None if it names none.

    Args:
        text: The path, with ``/``.
        packages: The user's packages.
    """
    package, slash, inner_path = text.partition("/")
    if (
        not slash
        or not inner_path
        or ".." in inner_path.split("/")
        or package not in (*OWN_PACKAGES, *packages)
    ):
        return None
    for folder in _list_package_folders(package):
        if (folder / inner_path).exists():
            return folder / inner_path
    return None


def _resolve_text(text: str, packages: Sequence[str]) -> str:
    packaged = find_packaged_file(text, packages)
    return text if packaged is None else str(packaged)


def _list_package_folders(package: str) -> list[Path]:
    if package in OWN_PACKAGES:
        check_own_package(package)
    spec = importlib.util.find_spec(package)
    return [] if spec is None else [Path(p) for p in spec.submodule_search_locations or ()]
