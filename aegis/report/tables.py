"""Tables: the small tables of a run that figures are drawn from, next to its result."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from aegis.records.fork_rows import UnitKey, unit_key_of
from aegis.records.phrases import strip_shared_words
from aegis.records.rows import EpisodeRow


@dataclass(frozen=True, slots=True)
class Rule:
    """What an arm looks at before it hands over.

    Attributes:
        score: Name of the score.
        threshold: The score above which it hands over; NaN if it has no single one.
        guard: First tick at which it may [control steps]; 0 if it always may.
        bar: Where the threshold depends on time: the score above which it hands over, by tick; NaN
            where no score is high enough.
    """

    score: str
    threshold: float
    guard: int = 0
    bar: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.bar and not math.isnan(self.threshold):
            raise ValueError("A rule has one threshold or one by tick, not both.")

    def pieces(self, steps: int) -> Iterator[list[tuple[int, float]]]:
        """Yields the parts of the threshold as lines of tick and score, up to an episode's end."""
        line = self.bar or (self.threshold,) * (steps + 1)
        part: list[tuple[int, float]] = []
        for k, value in enumerate(line[: steps + 1]):
            if k >= self.guard and math.isfinite(value):
                part.append((k, value))
            elif part:
                yield part
                part = []
        if part:
            yield part


@dataclass(frozen=True, slots=True)
class Boundary:
    """A chunk boundary of one episode.

    Attributes:
        k: Tick [control steps].
        active: Who drives from here on.
        scores: Score by name; as far as there are any.
    """

    k: int
    active: str
    scores: Mapping[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class Tables:
    """What figures need beyond the result. Everything may be empty.

    Attributes:
        episodes: One row per arm and unit.
        scores: One row per chunk boundary of the arms that the plan keeps: ``task``, ``start``,
            ``index``, ``arm``, ``k``, ``active``, ``scores``.
        events: What went wrong, per unit of the reference arm: ``task``, ``start``, ``index``,
            ``kind``, ``k``.
        rules: What arms look at, by arm.
    """

    episodes: Sequence[EpisodeRow] = ()
    scores: pa.Table | None = None
    events: pa.Table | None = None
    rules: Mapping[str, Rule] = field(default_factory=dict)

    def index_arm(self, arm: str) -> dict[UnitKey, EpisodeRow]:
        """Returns the episodes of an arm by unit, in the order of the table."""
        return {unit_key_of(row): row for row in self.episodes if row.arm == arm}

    def find_mishaps(self) -> dict[UnitKey, tuple[str, int]]:
        """Returns kind and tick of what went wrong, for the units where something did."""
        found: dict[UnitKey, tuple[str, int]] = {}
        for row in _records(self.events, ("task", "start", "index", "kind", "k")):
            if row["kind"] and row["k"] is not None and row["k"] >= 0:
                found[(row["task"], row["start"], row["index"])] = (row["kind"], row["k"])
        return found

    def list_boundaries(self, arm: str, of: UnitKey) -> tuple[Boundary, ...]:
        """Returns the chunk boundaries of one episode, in order of time; empty if not kept."""
        names = ("task", "start", "index", "arm", "k", "active", "scores")
        if self.scores is None or not set(names) <= set(self.scores.column_names):
            return ()
        mask = pc.equal(self.scores["arm"], arm)
        for name, value in zip(names[:3], of, strict=True):
            mask = pc.and_(mask, pc.equal(self.scores[name], value))
        rows = _records(self.scores.filter(mask), names)
        found = [Boundary(r["k"], r["active"] or "", dict(r["scores"] or ())) for r in rows]
        return tuple(sorted(found, key=lambda b: b.k))


def list_task_words(episodes: Sequence[EpisodeRow]) -> dict[int, str]:
    """Returns what the robot was told, by task, without the words that all tasks share."""
    return strip_shared_words({row.task: row.instruction for row in episodes})


def _records(table: pa.Table | None, names: Sequence[str]) -> list[dict[str, Any]]:
    if table is None or not set(names) <= set(table.column_names):
        return []
    found: list[dict[str, Any]] = table.select(list(names)).to_pylist()
    return found
