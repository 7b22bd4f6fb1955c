"""Memory: an allocation that failed is the machine's fault, and is said to be."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from aegis.core.errors import AegisError, MachineError

_KINDS = ("OutOfMemoryError", "MemoryError")
"""Names of exceptions of torch and Python; by name, since torch has moved its own about."""
_WORDS = ("out of memory", "not enough memory", "allocate memory", "alloc_failed", "bad_alloc")
"""What libraries say that have no exception of their own: torch on a CPU, cuBLAS, cuDNN, mmap."""


@contextmanager
def explain_memory(doing: str, advice: str) -> Iterator[None]:
    """Says what the memory did not suffice for.

    Args:
        doing: What was being done, for example ``"loading FOLDER"``.
        advice: What to do.

    Raises:
        MachineError: Instead of whatever an allocation that failed raised.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, AegisError) or not is_out_of_memory(error):
            raise
        lines = str(error).strip().splitlines()
        said = lines[0].rstrip(".") if lines else type(error).__name__
        raise MachineError(f"Not enough memory for {doing}: {said}. {advice}") from error


def is_out_of_memory(error: BaseException) -> bool:
    """Says whether an error, or one that it was raised from, is an allocation that failed."""
    cause = error.__cause__ or error.__context__
    if cause is not None and is_out_of_memory(cause):
        return True
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return True
    text = str(error).lower()
    return any(kind.__name__ in _KINDS for kind in type(error).mro()) or (
        (isinstance(error, RuntimeError | OSError) or type(error).__name__ == "SafetensorError")
        and any(word in text for word in _WORDS)
    )
