"""Files: atomic writes, and errors of the disk in words."""

from __future__ import annotations

import errno
import os
import re
import socket
from pathlib import Path

from aegis.core.errors import MachineError

_SCRATCH = re.compile(r"\..*\.(?P<pid>\d+)@(?P<host>[^/]+)\.tmp")


def write_atomic(path: Path, data: bytes) -> None:
    """Writes a file so that it is there whole or not at all.

    Raises:
        MachineError: If the disk is full or cannot be written.
    """
    # With its owner in the name, by which `remove_orphans` tells what is still being written.
    scratch = path.with_name(f".{path.name}.{os.getpid()}@{socket.gethostname()}.tmp")
    try:
        with scratch.open("wb") as file:
            file.write(data)
            file.flush()
            # Before the renaming, or a power failure can leave an empty file under the final name.
            os.fsync(file.fileno())
        scratch.replace(path)
    except OSError as error:
        scratch.unlink(missing_ok=True)
        raise disk_error(path, error) from error


def remove_orphans(folder: Path) -> None:
    """Removes what processes of this machine that are gone were writing when they were killed."""
    for scratch in folder.glob(".*.tmp"):
        owner = _SCRATCH.fullmatch(scratch.name)
        if owner and owner["host"] == socket.gethostname() and not is_running(int(owner["pid"])):
            scratch.unlink(missing_ok=True)


def is_running(pid: int) -> bool:
    """Says whether a process of this number runs on this machine."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # It is somebody else's.
    return True


def disk_error(path: Path, error: OSError) -> MachineError:
    """Says what a failed write means to the user."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return MachineError(
            f"The disk is full: could not write {path}. All episodes finished before are safe. "
            "Free some space and run the same command again; it goes on where it stopped."
        )
    return MachineError(f"Could not write {path}: {error}. Check the folder and run again.")
