"""Folders of the user and of the machine: home, cache, and what to use where there is none."""

from __future__ import annotations

import os
import stat
import tempfile
from functools import lru_cache
from pathlib import Path

from aegis.core.errors import MachineError
from aegis.host.notes import write_note

CACHE_VARIABLE = "AEGIS_CACHE"
_FALLBACK_VARIABLE = "AEGIS_CACHE_FALLBACK"
"""Set by us for our own child processes: they share the folder and say nothing again."""


def find_user_home() -> Path | None:
    """Returns the home folder, or None: HOME is not set and the user has no passwd entry."""
    try:
        return Path.home()
    except (RuntimeError, KeyError):
        return None


def expand_home(text: str) -> Path:
    """Returns a path with a leading ``~`` replaced.

    Raises:
        MachineError: If there is no such home folder.
    """
    try:
        return Path(text).expanduser()
    except (RuntimeError, KeyError) as error:
        raise MachineError(
            f"'{text}' begins with a home folder that cannot be found: HOME is not set, and the "
            "user has no passwd entry. Set HOME, or write the path in full."
        ) from error


def find_cache_folder() -> Path:
    """Returns a folder of ours that can be written to, and makes it.

    It is ``$AEGIS_CACHE``, else ``$XDG_CACHE_HOME/aegis``, else ``~/.cache/aegis``. Where that
    cannot be written to, it is a folder of this user among the temporary files, with a note.

    Raises:
        MachineError: If there is no folder at all that can be written to.
    """
    return list_cache_folders()[0]


def list_cache_folders() -> tuple[Path, ...]:
    """Returns where cached files may lie: first where to write, then where one can only read.

    A cache that somebody else has filled, such as a read-only layer of a container, is still used.

    Raises:
        MachineError: If there is no folder at all that can be written to.
    """
    wanted = name_cache_folder()
    if wanted is not None and make_writable(wanted):
        return (wanted,)
    fallback = _find_fallback(str(wanted))
    return (fallback,) if wanted is None else (fallback, wanted)


def name_cache_folder() -> Path | None:
    """Returns the cache folder that is meant, writable or not; None if there is no home folder."""
    if chosen := os.environ.get(CACHE_VARIABLE):
        return expand_home(chosen).absolute()
    base = os.environ.get("XDG_CACHE_HOME", "")
    if Path(base).is_absolute():  # the XDG specification: ignore what is relative
        return Path(base) / "aegis"
    home = find_user_home()
    return None if home is None else home / ".cache" / "aegis"


@lru_cache(maxsize=32)
def make_writable(folder: Path) -> bool:
    """Makes a folder if it is not there, and returns whether a file can be written in it.

    By trying: permissions say nothing of read-only file systems, quotas and root.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


@lru_cache(maxsize=32)
def _find_fallback(wanted: str) -> Path:
    """Returns this user's folder among the temporary files, and notes once what is amiss."""
    inherited = os.environ.get(_FALLBACK_VARIABLE, "")
    if inherited and _is_private(Path(inherited)) and make_writable(Path(inherited)):
        return Path(inherited)
    cause = (
        "there is no home folder (HOME is not set)"
        if wanted == "None"
        else f"{wanted} cannot be written to"
    )
    try:
        folder = _make_private_folder()
    except OSError as error:
        raise MachineError(
            f"No folder for caches: {cause}, and neither can the temporary folder be used "
            f"({error}). Name one that can: {CACHE_VARIABLE}=/some/folder (or set HOME or TMPDIR)."
        ) from error
    write_note(
        f"{cause}; caches go to {folder}. To keep them, set HOME or {CACHE_VARIABLE} to a folder "
        "that can be written to."
    )
    os.environ[_FALLBACK_VARIABLE] = str(folder)
    return folder


def _make_private_folder() -> Path:
    """Makes a folder that only this user can write to: what is cached is code that will run."""
    folder = Path(tempfile.gettempdir()) / f"aegis-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if _is_private(folder) and make_writable(folder):
        return folder
    return Path(tempfile.mkdtemp(prefix="aegis-"))  # somebody has taken the name


def _is_private(folder: Path) -> bool:
    try:
        found = folder.lstat()  # a link may be turned elsewhere
    except OSError:
        return False
    writable_by_others = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not writable_by_others
