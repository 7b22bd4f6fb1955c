"""Examples: which episodes are shown as traces, by a rule, not by taste."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aegis.records.fork_rows import UnitKey
from aegis.records.rows import EpisodeRow
from aegis.report.tables import Boundary, Rule, Tables
from aegis.study.analysis.study_result import StudyResult
from aegis.study.detection.handover_timing import first_strong_tick
from aegis.study.plan.study_plan import StudyPlan

KINDS = ("recovered", "missed", "disrupted")


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """An episode that is shown.

    Attributes:
        kind: ``recovered``, ``missed`` or ``disrupted``.
        unit: Task, family of start states, index.
        episode: Of the arm that is shown.
        alone: The same unit under the reference.
        path: Chunk boundaries of the episode.
        without: Chunk boundaries of the same unit under the reference.
    """

    kind: str
    unit: UnitKey
    episode: EpisodeRow
    alone: EpisodeRow
    path: tuple[Boundary, ...]
    without: tuple[Boundary, ...]


def find_shown_arm(result: StudyResult, plan: StudyPlan, tables: Tables) -> str:
    """Returns the arm whose episodes are shown.

    The recommended one if its scores were kept, else the published rule, else none.
    """
    kept: set[str] = set()
    if tables.scores is not None and "arm" in tables.scores.column_names:
        kept = set(tables.scores["arm"].unique().to_pylist())
    return next((arm for arm in (result.recommended, plan.published) if arm in kept), "")


def find_rule(result: StudyResult, tables: Tables, arm: str) -> Rule:
    """Returns what an arm looks at; the published detector if nothing else is known."""
    name = result.detector.name if result.detector is not None else ""
    return tables.rules.get(arm, Rule(name, float("nan")))


def select_examples(result: StudyResult, plan: StudyPlan, tables: Tables) -> Mapping[str, Example]:
    """Returns an episode of each kind, as far as there is one.

    Among the episodes of a kind the one with the median tick of hand-over is shown, and where
    ticks are equal, the median in the order of the table. A failure without a hand-over counts as
    missed before one that was handed over in vain.
    """
    arm = find_shown_arm(result, plan, tables)
    if not arm:
        return {}
    alone = tables.index_arm(result.reference)
    pairs = [(u, row, alone[u]) for u, row in tables.index_arm(arm).items() if u in alone]
    found = {}
    for kind in KINDS:
        chosen = _choose_median([pair for pair in pairs if _is_kind(kind, pair[1], pair[2])])
        path = tables.list_boundaries(arm, chosen[0]) if chosen else ()
        if chosen and path:
            unit, row, other = chosen
            found[kind] = Example(
                kind, unit, row, other, path, tables.list_boundaries(result.reference, unit)
            )
    return found


def _is_kind(kind: str, row: EpisodeRow, alone: EpisodeRow) -> bool:
    return (alone.success, row.success) == {
        "recovered": (False, True),
        "missed": (False, False),
        "disrupted": (True, False),
    }[kind]


def _choose_median(
    pairs: Sequence[tuple[UnitKey, EpisodeRow, EpisodeRow]],
) -> tuple[UnitKey, EpisodeRow, EpisodeRow] | None:
    quiet = [
        p for p in pairs if first_strong_tick(p[1]) is None and not (p[1].success or p[2].success)
    ]
    pool = quiet or [p for p in pairs if first_strong_tick(p[1]) is not None] or list(pairs)
    order = sorted(pool, key=lambda p: first_strong_tick(p[1]) or 0)
    return order[(len(order) - 1) // 2] if order else None
