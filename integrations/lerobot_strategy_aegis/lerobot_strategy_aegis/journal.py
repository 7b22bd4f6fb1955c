"""Journal: a line of JSON for each decision of the controller."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TextIO

from aegis.core.errors import MachineError
from aegis.core.types import Act, Decision


class Journal:
    """Writes decisions, tick by tick; a run that dies leaves those that were written.

    Args:
        path: The file, which is appended to; None writes nothing.

    Raises:
        MachineError: If it cannot be written.
    """

    def __init__(self, path: str | None) -> None:
        self._file: TextIO | None = None
        if path is None:
            return
        try:
            self._file = Path(path).expanduser().open("a", encoding="utf-8", buffering=1)
        except OSError as error:
            raise MachineError(
                f"--strategy.journal='{path}' cannot be written: {error}."
            ) from error

    def write_decision(self, episode: int, decision: Decision, took: float) -> None:
        """Writes what was decided at a tick.

        Args:
            episode: Number of the episode.
            decision: The decision.
            took: Time from sensing to sending [s].
        """
        if self._file is None:
            return
        command = decision.command
        row = {
            "episode": episode,
            "tick": decision.k,
            "mode": decision.mode.active,
            "next_mode": decision.next_mode.active,
            "boundary": decision.boundary,
            "scores": {one.detector: _name_number(one.value) for one in decision.scores},
            "level": decision.verdict.level.name.lower(),
            "verdict": decision.verdict.reason,
            "fires": decision.fires,
            "command": type(command).__name__.lower(),
            "reason": "" if isinstance(command, Act) else command.reason,
            "action": [float(value) for value in command.action],
            "milliseconds": round(1e3 * took, 3),
        }
        self._file.write(json.dumps(row, allow_nan=False) + "\n")

    def close(self) -> None:
        """Closes the file."""
        if self._file is not None:
            self._file.close()


def _name_number(value: float) -> float | None:
    """Returns a number as JSON has it; NaN, which means unknown, as null."""
    return value if math.isfinite(value) else None
