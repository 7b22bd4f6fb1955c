"""Runs libraries that print advice and draw from numpy's global generator."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator

import numpy as np


@contextlib.contextmanager
def contain_side_effects() -> Iterator[None]:
    """Seeds numpy's global generator with 0 and gives it back as it was; swallows what is printed.

    What such a library draws, here, is the same every time and matters to nobody else.
    """
    state = np.random.get_state()  # noqa: NPY002 - this is the global generator
    np.random.seed(0)  # noqa: NPY002
    try:
        with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        np.random.set_state(state)  # noqa: NPY002
