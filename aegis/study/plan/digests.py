"""Digests: SHA-256 of the code that results depend on, room by room."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from aegis.core.errors import ConfigError
from aegis.study.plan.imports import find_neighbours

PACKAGES = ("aegis", "envs", "policies")
# Texts count, too: the vocabulary of a policy is one.
_SOURCE_PATTERNS = ("*.py", "*.txt")

EXEMPT_ROOMS: Mapping[str, str] = {
    "aegis.app": "what it builds has digests and fingerprints of its own",
    "aegis.bench": "measures time",
    "aegis.checks": "tries parts out before they are used",
    "aegis.export": "writes what was played in other formats",
    "aegis.fitting": "what it fits is a file with a digest",
    "aegis.monitor": "looks on",
    "aegis.report": "draws what was played",
    "aegis.ros": "drives robots; what simulations play comes from none of it",
    "aegis.serve": "answers others; a remote policy names what it depends on",
    "aegis.stats": "judges what was played",
    "aegis.study": "plans and judges what is played; all but aegis.study.play",
}
"""Rooms that no row of a run depends on, with the reason; all others count."""

_COUNTED_ROOMS = ("aegis.study.play",)
"""Rooms in an exempt one that count all the same."""


def compute_code_digests(packages: Sequence[str] = PACKAGES) -> dict[str, str]:
    """Returns SHA-256 digests of sources, by name: one per room of ours, one per other package.

    A module in a single file has the name of its file; so have modules that it, or a package of
    the user's own, imports from the folder that it lies in. Names, contents and nothing else count,
    so that two checkouts of one commit agree.

    Args:
        packages: Packages and modules that a study uses.

    Raises:
        ConfigError: If one cannot be found.
    """
    found: dict[str, str] = {}
    for package in packages:
        if package != "aegis":
            found |= _digest_outer(package)
            continue
        root = _find_source("aegis")
        found["code.aegis"] = compute_tree_digest(root, root.glob("*.py"))
        for room in sorted(path for path in root.iterdir() if (path / "__init__.py").is_file()):
            found[f"code.aegis.{room.name}"] = compute_tree_digest(room, _list_sources(room))
    return found


def compute_row_code_digests(packages: Sequence[str]) -> dict[str, str]:
    """Returns digests of the sources that rows depend on: ours but ``EXEMPT_ROOMS``, and others.

    Args:
        packages: Packages and modules that the configuration names, besides ``aegis``.

    Raises:
        ConfigError: If one cannot be found.
    """
    root, found = _find_source("aegis"), {}
    for init in sorted(root.rglob("__init__.py")):
        room = ".".join((root.name, *init.parent.relative_to(root).parts))
        if not _is_exempt(room):
            files = [path for kind in _SOURCE_PATTERNS for path in init.parent.glob(kind)]
            found[f"code.{room}"] = compute_tree_digest(init.parent, files)
    for package in packages:
        found |= _digest_outer(package)
    return found


def compute_tree_digest(root: Path, files: Iterable[Path]) -> str:
    """Returns the SHA-256 digest of files: their paths below a folder and what they hold."""
    sha = hashlib.sha256()
    for path in sorted(files):
        data = path.read_bytes()
        # With its length, or the end of one file could pass for the beginning of the next.
        sha.update(f"{path.relative_to(root).as_posix()}\0{len(data)}\0".encode())
        sha.update(data)
    return sha.hexdigest()


def compute_file_digest(path: Path) -> str:
    """Returns the SHA-256 digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def find_sources(packages: Sequence[str]) -> tuple[Path, ...]:
    """Returns the files and folders of packages of the user's own and of their neighbours.

    Raises:
        ConfigError: If one cannot be found.
    """
    starts = [_find_source(package) for package in packages if package not in PACKAGES]
    near = [other for start in starts for other in find_neighbours(start, PACKAGES)]
    return tuple(dict.fromkeys([*starts, *near]))


def _is_exempt(room: str) -> bool:
    if f"{room}.".startswith(tuple(f"{name}." for name in _COUNTED_ROOMS)):
        return False
    return f"{room}.".startswith(tuple(f"{name}." for name in EXEMPT_ROOMS))


def _digest_outer(package: str) -> dict[str, str]:
    """Returns digests of a package or module, and of what it imports from beside it."""
    sources = [_find_source(package)] if package in PACKAGES else find_sources([package])
    return {
        f"code.{source.name}": compute_tree_digest(source, _list_sources(source))
        if source.is_dir()
        else compute_file_digest(source)
        for source in sources
    }


def _list_sources(root: Path) -> list[Path]:
    return [path for kind in _SOURCE_PATTERNS for path in root.rglob(kind)]


def _find_source(package: str) -> Path:
    """Returns the folder of a package, or the file of a module."""
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        raise ConfigError(
            f"The package or module '{package}' cannot be found, so its code cannot be told from "
            f"other code. Install it, or add the folder that holds {package}.py or {package}/ to "
            "PYTHONPATH."
        )
    places = list(spec.submodule_search_locations or ())
    if places:
        return Path(places[0])
    if not spec.has_location or spec.origin is None or not Path(spec.origin).is_file():
        raise ConfigError(
            f"The module '{package}' has no file (it is {spec.origin or 'built in'}), so its code "
            "cannot be told from other code. Trust a module or package that lies in a folder of "
            "PYTHONPATH."
        )
    return Path(spec.origin)
