"""Handles that do not survive a fork: OpenGL contexts and pools of threads know their process."""

from __future__ import annotations

import os

from aegis.core.errors import MachineError


class ProcessGuard:
    """The process in which a handle was made.

    A forked child holds a copy of the handle, but not the threads behind it; it would wait for
    them for ever.

    Args:
        handle: What was made, for the message, for example ``"OpenGL"``.
        remedy: What the user may do besides starting processes by spawn.
    """

    def __init__(self, handle: str, remedy: str) -> None:
        self._handle, self._remedy = handle, remedy
        self._pid = os.getpid()

    def require_same_process(self) -> None:
        """Refuses to go on in a forked child.

        Raises:
            MachineError: If this is not the process in which the handle was made.
        """
        if os.getpid() != self._pid:
            raise MachineError(
                f"{self._handle} was in use in process {self._pid} before it forked this one "
                f"({os.getpid()}), and does not survive a fork. Start processes with 'spawn': "
                "multiprocessing.get_context('spawn'), AsyncVectorEnv(..., context='spawn'). "
                f"{self._remedy}"
            )
