"""Files: atomic writes, and errors of the disk in words."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from aegis.core.errors import MachineError


def write_atomic(path: Path, data: bytes) -> None:
    """Writes a file so that it is there whole or not at all.

    Raises:
        MachineError: If the disk is full or cannot be written.
    """
    scratch = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with scratch.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
    except OSError as error:
        scratch.unlink(missing_ok=True)
        raise disk_error(path, error) from error


def disk_error(path: Path, error: OSError) -> MachineError:
    """Says what a failed write means to the user."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return MachineError(
            f"The disk is full: could not write {path}. All episodes finished before are safe. "
            "Free some space and run the same command again; it goes on where it stopped."
        )
    return MachineError(f"Could not write {path}: {error}. Check the folder and run again.")
