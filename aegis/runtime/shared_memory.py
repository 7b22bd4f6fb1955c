"""Shared memory: bytes that belong to a file descriptor, and are gone with its last process."""

from __future__ import annotations

import contextlib
import mmap
import os
from multiprocessing.reduction import DupFd
from typing import Any


class SharedBytes:
    """Bytes that processes share; pages that nobody wrote to cost nothing.

    It may be handed to processes of ``multiprocessing``; others are given the descriptor.

    Args:
        size: How many [bytes].
        fd: File descriptor of memory that exists; None for new memory.

    Attributes:
        buffer: The bytes.
        fd: The file descriptor.
    """

    def __init__(self, size: int, fd: int | None = None) -> None:
        self.fd = os.memfd_create("aegis") if fd is None else fd
        os.ftruncate(self.fd, size)
        self.buffer = mmap.mmap(self.fd, size)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickles for a process of ``multiprocessing``, which gets the descriptor."""
        return _rebuild_bytes, (len(self.buffer), DupFd(self.fd))

    def close(self) -> None:
        """Detaches; arrays that view the bytes keep them."""
        with contextlib.suppress(BufferError):
            self.buffer.close()
        os.close(self.fd)


def _rebuild_bytes(size: int, fd: Any) -> SharedBytes:
    return SharedBytes(size, fd.detach())
