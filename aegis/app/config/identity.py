"""Identity of a configuration: every setting, file, source and version that rows depend on.

Everything counts except what is listed here. A setting that a release or a plug-in adds is
therefore part of the identity by default.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import islice
from pathlib import Path

from aegis.app.config.composition import ComposedConfig
from aegis.app.config.paths import find_packaged_file
from aegis.app.config.targets import walk_targets
from aegis.records.manifest import SETTING_PREFIX, VERSION_PREFIX
from aegis.records.part_identity import describe_value
from aegis.study.plan.digests import (
    PACKAGES,
    compute_file_digest,
    compute_row_code_digests,
    find_sources,
)
from aegis.study.plan.imports import read_imported_versions

EXEMPT_SETTINGS: Mapping[str, str] = {
    "name": "names the folder",
    "units": "number of rows; each has its start state as its key",
    "tasks": "selects rows",
    "start.split": "selects rows",
    "start.offset": "selects rows",
    "workers": "rows do not depend on the process that plays them",
    "slots": "rows do not depend on when they are played",
    "trusted": "packages have digests of their own",
    "audit": "number of rows to check",
    "plan": "how a study judges its rows; its lock has a digest of its own",
    "calibration": "rows that set the dials; an arm with its dial set has a fingerprint",
    "forks": "each fork is an arm with a fingerprint",
    "keep": "selects scores for the small tables",
    "latency": "times are measured separately",
    "pictures": "drawn afterwards",
    "film": "drawn afterwards",
    "demos.out": "names the folder",
    "demos.units": "number of demonstrations",
    "model": "trained afterwards",
}
"""Settings that no row depends on, with the reason; what lies below them is exempt, too."""

EXEMPT_ARM_SETTINGS: Mapping[str, str] = {
    "dial": "start of a dial; an arm with its dial set has a fingerprint",
    "like": "shorthand for the settings of another arm",
}
"""The same in each arm of a study."""

VERSIONED_PACKAGES: Mapping[str, str] = {
    "numpy": "arithmetic, random streams",
    "mujoco": "physics and pictures",
    "torch": "policies",
    "robosuite": "scenes and controllers",
    "hf-libero": "scenes and goals",
    "bddl": "goals",
    "numba": "compiled arithmetic",
    "llvmlite": "compiled arithmetic",
    "scipy": "rotations",
    "gymnasium": "environments of the user's own",
    "PyOpenGL": "pictures",
    "opencv-python-headless": "pictures",
}
"""Installed packages that rows of shipped parts depend on; plug-ins add those that they import.

Python itself is not listed: rows depend on it only through these packages.
"""

_LARGEST_FOLDER = 10_000
"""A folder with more files counts by its path: it is no checkpoint, but perhaps a home."""


def collect_identity(
    composed: ComposedConfig, arms: Sequence[str], unused: Sequence[str] = ()
) -> dict[str, str]:
    """Returns everything that rows depend on except units, policies and fingerprints of arms.

    Args:
        composed: The configuration.
        arms: Arms of the run; settings of others do not count.
        unused: Further settings that no row of this run depends on.

    Raises:
        ConfigError: If the code of a trusted package cannot be found.
    """
    outer = _list_outer_packages(composed)
    return {
        **_list_settings(composed, arms, unused),
        **compute_row_code_digests(outer),
        **_read_row_versions(find_sources(composed.trusted)),
    }


def describe_settings(value: object, packages: Sequence[str] = ()) -> str:
    """Returns a part of a configuration as text; files and folders appear as digests of contents.

    Args:
        value: The part.
        packages: The user's packages whose files a path may name.
    """
    return json.dumps(
        _replace_files(value, packages), sort_keys=True, ensure_ascii=False, default=describe_value
    )


def flatten_config(node: object, skipped: Sequence[str] = (), where: str = "") -> dict[str, object]:
    """Returns key path to value of a configuration.

    Args:
        node: The configuration.
        skipped: Key paths to leave out, with all below them.
        where: Key path of the node.
    """
    if where in skipped:
        return {}
    if not isinstance(node, Mapping) or (not node and where):
        return {where: node}
    values: dict[str, object] = {}
    for name, child in node.items():
        values |= flatten_config(child, skipped, f"{where}.{name}" if where else str(name))
    return values


def _list_settings(
    composed: ComposedConfig, arms: Sequence[str], unused: Sequence[str]
) -> dict[str, str]:
    tree = dict(composed.tree)
    if isinstance(arm_nodes := tree.pop("arms", None), Mapping):
        tree["arms"] = {name: node for name, node in arm_nodes.items() if name in arms}
    exempt = [*EXEMPT_SETTINGS, *unused]
    exempt += [f"arms.{arm}.{name}" for arm in arms for name in EXEMPT_ARM_SETTINGS]
    return {
        f"{SETTING_PREFIX}{path}": describe_settings(value, composed.trusted)
        for path, value in flatten_config(tree, exempt).items()
    }


def _list_outer_packages(composed: ComposedConfig) -> tuple[str, ...]:
    """Returns the packages that targets lie in or that are trusted, except ``aegis``."""
    used = {str(node.get("_target_", "")).split(".")[0] for _, node in walk_targets(composed.tree)}
    ours = [package for package in PACKAGES if package in used and package != "aegis"]
    return (*ours, *composed.trusted)


def _read_row_versions(sources: Sequence[Path]) -> dict[str, str]:
    versions = dict(read_imported_versions(sources))
    for package in VERSIONED_PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "missing"
    return {
        f"{VERSION_PREFIX}{package}": version
        for package, version in sorted(versions.items())
        if package != "aegis-escalation"  # Its code has digests.
    }


def _replace_files(value: object, packages: Sequence[str]) -> object:
    """Returns a value with paths replaced by digests of the files that they name."""
    if isinstance(value, Mapping):
        return {str(name): _replace_files(item, packages) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_replace_files(item, packages) for item in value]
    if not isinstance(value, str) or not _looks_like_path(value):
        return value
    packaged = find_packaged_file(value, packages)
    path = packaged if packaged is not None else Path(value).expanduser()
    try:
        if path.is_file():
            return _describe_file(path)
        if path.is_dir():
            return _describe_folder(path, value)
    except (OSError, ValueError):
        return value
    return value


def _looks_like_path(text: str) -> bool:
    """Returns whether a text looks like a path; a bare word is a name of something else."""
    return "/" in text or "\\" in text or bool(Path(text).suffix)


def _describe_folder(path: Path, text: str) -> str:
    files = sorted(islice((file for file in path.rglob("*") if file.is_file()), _LARGEST_FOLDER))
    if len(files) == _LARGEST_FOLDER:
        return text
    whole = hashlib.sha256()
    for file in files:
        whole.update(f"{file.relative_to(path).as_posix()}\0{_describe_file(file)}\0".encode())
    return f"folder {whole.hexdigest()[:16]}"


def _describe_file(path: Path) -> str:
    facts = path.stat()
    digest = _digest_once(path.resolve(), facts.st_mtime_ns, facts.st_size, facts.st_ino)
    return f"file {digest[:16]}"


@cache
def _digest_once(path: Path, *stamp: int) -> str:
    del stamp  # Part of the cache key only: it changes with the file.
    return compute_file_digest(path)
