"""Notes to the user on standard error: once each, from the main process only."""

from __future__ import annotations

import logging
import multiprocessing
from functools import lru_cache

_logger = logging.getLogger("aegis")


@lru_cache(maxsize=64)
def write_note(text: str) -> None:
    """Writes a note that AEGIS goes on, but otherwise than the user may think.

    Worker processes find the same and say nothing: the process that started them has said it.

    Args:
        text: The note, with what to do; it is written once in a process.
    """
    if multiprocessing.parent_process() is None:
        _logger.warning("note: %s", text)
