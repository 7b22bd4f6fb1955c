"""Digests: SHA-256 of the code that results depend on, room by room."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterable, Sequence
from pathlib import Path

from aegis.core.errors import ConfigError

PACKAGES = ("aegis", "envs", "policies")
_SOURCE_PATTERNS = ("*.py", "*.txt")


def code_digests(packages: Sequence[str] = PACKAGES) -> dict[str, str]:
    """Returns SHA-256 digests of sources, by name: one per room of ours, one per other package.

    Names, contents and nothing else count, so that two checkouts of one commit agree.

    Args:
        packages: Packages that a study uses.

    Raises:
        ConfigError: If one cannot be found.
    """
    found: dict[str, str] = {}
    for package in packages:
        root = _find_package_folder(package)
        if package != "aegis":
            found[f"code.{package}"] = tree_digest(root, _list_sources(root))
            continue
        found["code.aegis"] = tree_digest(root, root.glob("*.py"))
        for room in sorted(path for path in root.iterdir() if (path / "__init__.py").is_file()):
            found[f"code.aegis.{room.name}"] = tree_digest(room, _list_sources(room))
    return found


def tree_digest(root: Path, files: Iterable[Path]) -> str:
    """Returns the SHA-256 digest of files: their paths below a folder and what they hold."""
    sha = hashlib.sha256()
    for path in sorted(files):
        data = path.read_bytes()
        sha.update(f"{path.relative_to(root).as_posix()}\0{len(data)}\0".encode())
        sha.update(data)
    return sha.hexdigest()


def file_digest(path: Path) -> str:
    """Returns the SHA-256 digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _list_sources(root: Path) -> list[Path]:
    return [path for kind in _SOURCE_PATTERNS for path in root.rglob(kind)]


def _find_package_folder(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    places = list(spec.submodule_search_locations or ()) if spec is not None else []
    if not places:
        raise ConfigError(
            f"The package '{package}' cannot be found, so its code cannot be locked. Install it, "
            "or add its folder to PYTHONPATH."
        )
    return Path(places[0])
