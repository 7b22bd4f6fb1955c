"""Runs libraries that print advice, draw from numpy's global generator, or read our environment."""

from __future__ import annotations

import contextlib
import io
import logging
import os
from collections.abc import Iterator, Mapping

import numpy as np


@contextlib.contextmanager
def contain_side_effects() -> Iterator[None]:
    """Seeds numpy's global generator with 0 and gives it back as it was; swallows what is printed.

    What such a library draws, here, is the same every time and matters to no other code.
    """
    state = np.random.get_state()  # noqa: NPY002 - this is the global generator
    np.random.seed(0)  # noqa: NPY002
    try:
        with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        np.random.set_state(state)  # noqa: NPY002


@contextlib.contextmanager
def replace_environment(changes: Mapping[str, str | None]) -> Iterator[None]:
    """Sets environment variables, and gives all of the environment back as it was.

    Also undoes what runs inside has set on its own.

    Args:
        changes: Variable to value; None hides the variable.
    """
    saved = dict(os.environ)
    try:
        for name, value in changes.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
        yield
    finally:
        for name in os.environ.keys() - saved.keys():
            del os.environ[name]
        os.environ.update(saved)


@contextlib.contextmanager
def silence_log_files() -> Iterator[None]:
    """Lets a library open log files that go nowhere.

    robosuite opens one at a fixed path among the temporary files, which belongs to the first user
    of the machine who imported it; everybody else would get a PermissionError.
    """
    opened = logging.FileHandler

    class _Nowhere(logging.NullHandler):
        def __init__(self, *_: object, **__: object) -> None:
            super().__init__()

    logging.FileHandler = _Nowhere  # type: ignore[misc, assignment]
    try:
        yield
    finally:
        logging.FileHandler = opened  # type: ignore[misc]
