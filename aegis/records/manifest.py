"""Manifest: identity of the experiment in a folder, so that a resume cannot mix two of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from aegis.core.errors import ConfigError, TraceError
from aegis.records.files import disk_error, write_atomic

FILE_NAME = "manifest.json"


def open_folder(root: Path, identity: Mapping[str, str], notes: Mapping[str, str]) -> None:
    """Makes a folder with a manifest, or checks that it holds the same experiment.

    Args:
        root: The folder.
        identity: What results depend on, by name.
        notes: Versions and such; the first run's are kept.

    Raises:
        ConfigError: If the folder holds another experiment.
        TraceError: If its manifest is damaged.
        MachineError: If it cannot be written.
    """
    path = root / FILE_NAME
    if path.exists():
        _check_identity(root, read_manifest(root), identity)
        return
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise disk_error(root, error) from error
    write_manifest(root, {"identity": dict(identity), "notes": dict(notes)})


def read_manifest(root: Path) -> dict[str, object]:
    """Reads a manifest.

    Raises:
        TraceError: If it is missing or damaged.
    """
    path = root / FILE_NAME
    try:
        manifest = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise TraceError(f"{path} is missing or damaged ({error}).") from error
    if not isinstance(manifest, dict) or not isinstance(manifest.get("identity"), dict):
        raise TraceError(f"{path} is damaged: it has no identity. Move the folder away.")
    return manifest


def write_manifest(root: Path, manifest: Mapping[str, object]) -> None:
    """Writes a manifest."""
    text = json.dumps(manifest, indent=2, sort_keys=True) + "\n"
    write_atomic(root / FILE_NAME, text.encode())


def _check_identity(root: Path, manifest: Mapping[str, object], mine: Mapping[str, str]) -> None:
    theirs = manifest["identity"]
    assert isinstance(theirs, dict)
    other = sorted(name for name in {*mine, *theirs} if mine.get(name) != theirs.get(name))
    if other:
        raise ConfigError(
            f"{root} holds another experiment: {', '.join(other)} differ. Give this one another "
            "name, or remove the folder, or go back to the settings that made it."
        )
