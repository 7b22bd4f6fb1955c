"""Lock line: one line of text that identifies a locked plan, to be published before it is run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote

from aegis.study.plan.lockfile import LockedPlan

FORMAT = "aegis-lock/1"
_LINE = re.compile(
    rf"{re.escape(FORMAT)} (?P<name>[^\s:]+) sha256:(?P<digest>[0-9a-fA-F]{{64}})(?![0-9a-fA-F])"
    r"(?: level:(?P<level>\S+))?"
)
_KEPT = "/+"
"""Signs of a name or level that stand in a line as they are; others but ``-._~`` are escaped."""


@dataclass(frozen=True, slots=True)
class LockLine:
    """What a line says of a plan.

    Attributes:
        name: Of the study.
        digest: SHA-256 of ``plan.yaml``, hexadecimal.
        level: Level of arithmetic that the study is played at; empty if the lock has none.
    """

    name: str
    digest: str
    level: str = ""

    def __str__(self) -> str:
        level = f" level:{quote(self.level, _KEPT)}" if self.level else ""
        return f"{FORMAT} {quote(self.name, _KEPT)} sha256:{self.digest}{level}"


def describe_lock(locked: LockedPlan, level: str = "") -> LockLine:
    """Returns the line of a locked plan.

    Args:
        locked: The plan.
        level: Level of arithmetic in its lock.
    """
    return LockLine(str(locked.tree["name"]), locked.digest, level)


def find_lock_lines(text: str) -> tuple[LockLine, ...]:
    """Returns the lines of plans in a text, wherever they stand in it."""
    return tuple(
        LockLine(unquote(found["name"]), found["digest"].lower(), unquote(found["level"] or ""))
        for found in _LINE.finditer(text)
    )
