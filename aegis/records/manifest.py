"""Manifest: identity of the experiment in a folder, so that a resume cannot mix two of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from aegis.core.errors import ConfigError, TraceError
from aegis.records.files import disk_error, write_atomic

FILE_NAME = "manifest.json"
FORMAT_KEY = "format"
MACHINE_KEY = "machine"
"""Section of a manifest, beside ``identity`` and ``notes``."""
SETTING_PREFIX, CODE_PREFIX, VERSION_PREFIX = "config.", "code.", "version."
"""First words of the names of settings, sources and versions in an identity."""

_CAUSES = (SETTING_PREFIX, CODE_PREFIX, VERSION_PREFIX)
_ABSENT = "nothing"
_LONGEST = 60


def open_folder(
    root: Path, identity: Mapping[str, str], notes: Mapping[str, str], is_empty: bool = False
) -> bool:
    """Makes a folder with a manifest, or checks that it holds the same experiment.

    Args:
        root: The folder.
        identity: What results depend on, by name; its ``format`` is that of the folder.
        notes: Versions and such; the first run's are kept.
        is_empty: Whether nothing was played into the folder yet, so that it is nobody's.

    Returns:
        Whether the manifest was written.

    Raises:
        ConfigError: If the folder holds another experiment.
        TraceError: If its manifest is damaged.
        MachineError: If it cannot be written.
    """
    if (root / FILE_NAME).exists() and not is_empty:
        _check_identity(root, read_manifest(root), identity)
        return False
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise disk_error(root, error) from error
    write_manifest(root, {"identity": dict(identity), "notes": dict(notes)})
    return True


def check_machine(root: Path, machine: Mapping[str, str]) -> None:
    """Writes the machine of a run into its manifest, or checks that it is the one that is there.

    Args:
        root: Run folder with a manifest.
        machine: What rows depend on that other machines may not share, by name.

    Raises:
        ConfigError: If rows were played on another machine.
        TraceError: If the manifest is damaged.
    """
    manifest = read_manifest(root)
    stored = manifest.get(MACHINE_KEY)
    if not isinstance(stored, dict):
        write_manifest(root, {**manifest, MACHINE_KEY: dict(machine)})
        return
    other = sorted(name for name in {*stored, *machine} if stored.get(name) != machine.get(name))
    if other:
        differences = "; ".join(
            f"{name}: {stored.get(name, _ABSENT)} there, {machine.get(name, _ABSENT)} here"
            for name in other
        )
        raise ConfigError(
            f"{root} was begun on a machine whose rows may differ from those of this one in single "
            f"bits: {differences}. Go on where it was begun, or give this run another name "
            "(name=ANOTHER)."
        )


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
    stored = manifest["identity"]
    assert isinstance(stored, dict)
    theirs = {str(name): str(value) for name, value in stored.items()}
    if theirs.get(FORMAT_KEY) != mine.get(FORMAT_KEY):
        raise ConfigError(
            f"{root} was made by another release: its manifest has format "
            f"'{theirs.get(FORMAT_KEY, _ABSENT)}', this one writes '{mine.get(FORMAT_KEY)}'. The "
            "formats say different things about settings, code and versions, so nobody can tell "
            "whether new rows would be of the same experiment. Reading, reporting and verifying it "
            "work as ever; to play more, give this run another name, or use the release that made "
            "the folder."
        )
    other = sorted(name for name in {*mine, *theirs} if mine.get(name) != theirs.get(name))
    if other:
        raise ConfigError(_describe_refusal(root, other, theirs, mine))


def _describe_refusal(
    root: Path, other: list[str], theirs: Mapping[str, str], mine: Mapping[str, str]
) -> str:
    """Returns every cause with both values, and the fingerprints that follow from them."""
    causes = [name for name in other if name.startswith(_CAUSES)] or other
    follow = [name for name in other if name not in causes]
    lines = [f"{root} holds another experiment; going on would mix two of them."]
    lines += [
        f"  {_spell_name(name)}: {_shorten(theirs.get(name))} there, "
        f"{_shorten(mine.get(name))} here"
        for name in causes
    ]
    if follow:
        lines.append(f"  and with that {', '.join(follow)}")
    lines.append(
        "Give this run another name (name=ANOTHER), or go back to what made the folder"
        f"{_advise(causes)}; or remove the folder, if its rows are not wanted any more"
    )
    return "\n".join(lines) + "."


def _spell_name(name: str) -> str:
    return name.removeprefix(SETTING_PREFIX)


def _shorten(value: str | None) -> str:
    if value is None:
        return _ABSENT
    return f"{value[:_LONGEST]}…" if len(value) > _LONGEST else f"{value}"


def _advise(causes: list[str]) -> str:
    """Returns how one goes back to what made a folder."""
    ways = {
        SETTING_PREFIX: "the settings named above",
        CODE_PREFIX: "the code as it was (git checkout)",
        VERSION_PREFIX: "the packages as they were (pip install)",
    }
    found = [way for prefix, way in ways.items() if any(one.startswith(prefix) for one in causes)]
    return f": {', '.join(found)}" if found else ""
