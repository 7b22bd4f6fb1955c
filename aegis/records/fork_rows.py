"""Fork rows: episodes that went on from a state of another one, found again by unit and tick."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeAlias

from aegis.records.rows import EpisodeRow

UnitKey: TypeAlias = tuple[int, str, int]
"""Task, family and number of a start state: a row's unit within a run."""

STRONG_FORK, RESEED_FORK = "strong_at", "reseed_at"
"""Arms of a fork set: this, ``_`` and the tick in three digits."""


def unit_key_of(row: EpisodeRow) -> UnitKey:
    """Returns a row's unit."""
    return row.task, row.start, row.index


def select_forks(rows: Sequence[EpisodeRow], kind: str) -> dict[int, dict[UnitKey, EpisodeRow]]:
    """Returns forks of a kind: tick to unit to row."""
    found: dict[int, dict[UnitKey, EpisodeRow]] = {}
    for row in rows:
        match = re.fullmatch(rf"{kind}_(\d+)", row.arm)
        if match:
            found.setdefault(int(match[1]), {})[unit_key_of(row)] = row
    return found
