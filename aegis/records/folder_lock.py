"""Folder lock: one process at a time writes into a run folder, and the next one is told who.

The operating system frees the lock of a process that ends, however it ends. Who held it stands in
the file, for the message, and for folders that several machines share.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from aegis.core.errors import BusyFolderError
from aegis.records.files import disk_error, is_running

LOCK_FILE = ".lock"
_BOOT_FILE = Path("/proc/sys/kernel/random/boot_id")
_WAIT = "Wait until it has finished, watch it (aegis monitor), or give this run another name"
_UNSUPPORTED = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS)

_held: dict[Path, int] = {}
"""Locked folders of this process, with the thread that locked each."""
_guard = threading.Lock()


@dataclass(frozen=True, slots=True)
class LockHolder:
    """The process that holds a lock, or held it until it was killed.

    Attributes:
        pid: Number of the process.
        host: Name of the machine.
        boot: What tells one start of a machine from all others; empty where there is none.
        since: When it was locked (UTC).
    """

    pid: int
    host: str
    boot: str
    since: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, since {self.since}"

    @classmethod
    def describe_self(cls) -> LockHolder:
        """Returns this process."""
        now = datetime.now(UTC).isoformat(" ", "seconds").removesuffix("+00:00") + " UTC"
        return cls(os.getpid(), socket.gethostname(), _read_boot(), now)

    def is_elsewhere(self) -> bool:
        """Says whether it ran on another machine, whose locks may not be seen from here."""
        return self.host != socket.gethostname() and (not self.boot or self.boot != _read_boot())

    def is_running_here(self) -> bool:
        """Says whether a process of its number runs on this machine, since the same start."""
        return not self.is_elsewhere() and self.boot == _read_boot() and is_running(self.pid)


@contextlib.contextmanager
def lock_folder(root: Path) -> Iterator[None]:
    """Keeps other processes from writing into a folder; makes it if it is not there.

    What already holds the lock in the same thread goes on: a study plays runs into its folder.

    Args:
        root: The folder.

    Raises:
        BusyFolderError: If another process, or another thread of this one, writes into it.
        MachineError: If the lock cannot be written.
    """
    place, thread = root.resolve(), threading.get_ident()
    with _guard:
        owner = _held.get(place)
        if owner is None:
            _held[place] = thread
    # Whoever holds a folder may lock it again. The file cannot decide that: flock belongs to an
    # open file, so a second opening by the same process would be refused.
    if owner == thread:
        yield
        return
    if owner is not None:
        raise BusyFolderError(root, f"another thread of this process ({os.getpid()})", _WAIT)
    try:
        with _lock_file(root):
            yield
    finally:
        with _guard:
            del _held[place]


@contextlib.contextmanager
def _lock_file(root: Path) -> Iterator[None]:
    path = root / LOCK_FILE
    try:
        root.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise disk_error(path, error) from error
    try:
        _claim_lock(root, path, descriptor)
        try:
            yield
        finally:
            # While the lock is still ours, and instead of a removal: of two processes that wait,
            # one could lock the removed file and the other a new one.
            os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _claim_lock(root: Path, path: Path, descriptor: int) -> None:
    """Takes the lock and writes down who has it.

    Raises:
        BusyFolderError: If somebody has it, or may have it on another machine.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = _read_holder(descriptor)
        raise BusyFolderError(root, str(holder or "another process"), _WAIT) from error
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise disk_error(path, error) from error
        holder = _read_holder(descriptor)  # This file system has no locks: numbers must do.
        if holder is not None and holder.is_running_here():
            raise BusyFolderError(root, str(holder), _WAIT) from error
    # We have the lock, as far as this machine knows. A holder that never gave back and ran
    # elsewhere may still have it there, since not every network file system passes locks on.
    before = _read_holder(descriptor)
    if before is not None and before.is_elsewhere():
        raise BusyFolderError(
            root,
            f"{before}, as far as can be seen from here ({socket.gethostname()})",
            f"If it has ended, remove {path} and run this again; else wait for it, or give this "
            "run another name",
        )
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(asdict(LockHolder.describe_self())).encode(), 0)
        os.fsync(descriptor)
    except OSError as error:
        raise disk_error(path, error) from error


def _read_holder(descriptor: int) -> LockHolder | None:
    """Returns who wrote the lock; None if it was given back, or cannot be read."""
    try:
        return LockHolder(**json.loads(os.pread(descriptor, 4096, 0)))
    except (OSError, ValueError, TypeError):
        return None


def _read_boot() -> str:
    try:
        return _BOOT_FILE.read_text().strip()
    except OSError:
        return ""
