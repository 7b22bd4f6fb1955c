"""Imports: what code of the user's own imports, from beside it and from what is installed."""

from __future__ import annotations

import ast
import importlib.metadata
import sysconfig
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

_MODULE_SUFFIXES = (".py", ".so", ".pyd")


def find_neighbours(source: Path, skipped: Sequence[str] = ()) -> tuple[Path, ...]:
    """Returns the modules and packages beside a source that it imports, or that those import.

    Args:
        source: File of a module, or folder of a package.
        skipped: Names to leave out.

    Returns:
        Files and folders, in the order of their names. What is installed has no neighbours: beside
        it lie all other installed packages, which have versions.
    """
    folder = source.parent
    if _is_installed(folder):
        return ()
    found, left = {source}, [source]
    while left:
        for name in sorted(list_imports(left.pop())):
            other = None if name in skipped else _find_beside(folder, name)
            if other is not None and other not in found:
                found.add(other)
                left.append(other)
    return tuple(sorted(found - {source}))


def list_imports(source: Path) -> frozenset[str]:
    """Returns the first names of all absolute imports in a file, or in the files of a folder."""
    files = source.rglob("*.py") if source.is_dir() else [source]
    found: frozenset[str] = frozenset()
    for path in files:
        if path.suffix == ".py":
            facts = path.stat()
            found |= _parse_imports(path, facts.st_mtime_ns, facts.st_size)
    return found


def read_imported_versions(sources: Iterable[Path]) -> dict[str, str]:
    """Returns the versions of the installed distributions that sources import, by name.

    Args:
        sources: Files of modules, or folders of packages.
    """
    names = {name for source in sources for name in list_imports(source)}
    owners = _map_distributions()
    found = {owner for name in names for owner in owners.get(name, ())}
    return {owner: importlib.metadata.version(owner) for owner in sorted(found)}


@cache
def _map_distributions() -> dict[str, list[str]]:
    return dict(importlib.metadata.packages_distributions())


@cache
def _parse_imports(path: Path, *stamp: int) -> frozenset[str]:
    del stamp  # Only tells one state of the file from the next.
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return frozenset()
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return frozenset(found)


def _find_beside(folder: Path, name: str) -> Path | None:
    if (folder / name).is_dir() and any((folder / name).glob("*.py")):
        return folder / name
    files = (path for suffix in _MODULE_SUFFIXES for path in folder.glob(f"{name}*{suffix}"))
    return next((path for path in files if path.name.split(".")[0] == name), None)


def _is_installed(folder: Path) -> bool:
    paths = sysconfig.get_paths()
    places = {Path(paths[name]).resolve() for name in ("purelib", "platlib", "stdlib")}
    return folder.resolve() in places or any(folder.glob("*.dist-info"))
