"""Verification: checks of a finished study, each with a count of the things compared."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from aegis.core.seeds import root_stream
from aegis.core.types import EpisodeKey
from aegis.records.rows import EpisodeRow
from aegis.study.detection.handover_timing import has_weak_start
from aegis.study.plan.lockfile import DigestChange

_MAX_SHOWN = 3
_P_VALUE = re.compile(r"(^|[._])p(_\w+)?(\[\d+\])*$")
"""What the keys of p values end with: ``p``, ``mid_p``, ``p_holm``."""
UNCOMPARED_PARTS = ("notes", "lock")
"""Parts of a report that say how it was made, and need not be equal when it is made again."""
EVERY_UNIT = sys.maxsize
"""Size of a sample that leaves no unit out."""
NUMBER_TOLERANCE = 1e-9
"""Relative; the last digits of sums differ from CPU to CPU, and from library to library."""
NOISE = 1e-12
"""Absolute, for all numbers but p values: a difference of equal sums is nothing on one CPU, and the
rounding of its terms on another. What a p value has left of significance lies below it."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check.

    Attributes:
        name: What was checked.
        passed: Whether it holds.
        count: How many things were looked at.
        detail: What is wrong, or what was compared.
    """

    name: str
    passed: bool
    count: int
    detail: str

    @classmethod
    def from_faults(cls, name: str, count: int, wrong: Sequence[str], good: str) -> CheckResult:
        """Returns a check that holds if nothing is wrong, and if there was something to check."""
        more = f", and {len(wrong) - _MAX_SHOWN} more" if len(wrong) > _MAX_SHOWN else ""
        said = f"{'; '.join(wrong[:_MAX_SHOWN])}{more}" if wrong else good
        return cls(name, not wrong and count > 0, count, said if count else "nothing to check")


def check_digests(name: str, changes: Sequence[DigestChange], count: int, good: str) -> CheckResult:
    """Checks that digests are what they were."""
    return CheckResult.from_faults(name, count, [str(change) for change in changes], good)


def check_units(
    rows: Sequence[EpisodeRow], arms: Sequence[str], units: Sequence[EpisodeKey]
) -> CheckResult:
    """Checks that every arm played the planned units, each once, from the first on.

    A sequential study may have stopped after any number of them, the same for all arms.
    """
    wrong = []
    order = list(units)
    count = len(rows) // max(1, len(arms))
    for arm in sorted({row.arm for row in rows} | set(arms)):
        keys = [row.key for row in rows if row.arm == arm]
        if arm not in arms:
            wrong.append(f"arm {arm} is not in the plan")
        elif len(keys) != len(set(keys)):
            wrong.append(f"arm {arm} has a unit twice")
        elif set(keys) != set(order[:count]):
            wrong.append(f"arm {arm} has {len(keys)} units, not the first {count} of the plan")
    return CheckResult.from_faults(
        "units", len(rows), wrong, f"{len(arms)} arms on the {count} planned units"
    )


def check_rows(rows: Sequence[EpisodeRow], reference: str) -> CheckResult:
    """Checks that rows do not contradict themselves or the reference.

    An arm that never handed over is the reference bit for bit; one that did was the reference
    until then.
    """
    first = {row.key: row for row in rows if row.arm == reference}
    wrong = []
    for row in rows:
        said = _find_contradictions(row)
        other = first.get(row.key)
        if other is None:
            said.append("no reference")
        elif row.strong_steps == 0 and has_weak_start(row):
            if (row.digest, row.final, row.success) != (other.digest, other.final, other.success):
                said.append(f"never handed over, but differs from {reference}")
        elif has_weak_start(row) and row.handover_k is not None and row.handover_k >= other.steps:
            said.append(f"handed over after {reference} had ended")
        wrong += [f"{row.key}, {row.arm}: {text}" for text in said]
    return CheckResult.from_faults(
        "rows agree", len(rows), wrong, "outcomes, steps, hand-overs and prefixes"
    )


def check_numbers(reported: object, found: object) -> CheckResult:
    """Compares every value of a report with what the tables give; see ``list_differences``."""
    return CheckResult.from_faults(
        "numbers",
        len(dict(_walk_values(reported))),
        list_differences(reported, found),
        "every value of report.json: counts exactly, numbers to 1e-9",
    )


def list_differences(reported: object, found: object) -> list[str]:
    """Lists the values in which a report differs from one that was made again.

    Counts, texts and nulls must be equal, numbers to a relative ``NUMBER_TOLERANCE``, and nothing
    may be missing; parts that say how the report was made are not compared.

    Args:
        reported: The report, as JSON gives it.
        found: The one that was made again.

    Returns:
        A text for each difference, in the order of their keys.
    """
    theirs, mine = dict(_walk_values(reported)), dict(_walk_values(found))
    return [
        f"{key}: reported {theirs.get(key, 'nothing')}, tables give {mine.get(key, 'nothing')}"
        for key in sorted({*mine, *theirs})
        if key not in mine or key not in theirs or not _agree(key, theirs[key], mine[key])
    ]


def sample_units(units: Sequence[EpisodeKey], count: int, pick: int) -> tuple[EpisodeKey, ...]:
    """Draws units to play again.

    Args:
        units: Those that were played.
        count: How many.
        pick: Another number draws others.
    """
    ordered = sorted(units, key=lambda key: (key.task, key.start, key.index))
    rng = root_stream(ordered[0].root, "study", "verify", pick)
    chosen = rng.choice(len(ordered), min(count, len(ordered)), replace=False)
    return tuple(ordered[i] for i in sorted(chosen))


def check_replay(
    name: str, stored: Sequence[EpisodeRow], again: Sequence[EpisodeRow]
) -> CheckResult:
    """Compares episodes with the same ones played again, in every column."""
    before = {(row.key, row.arm): row for row in stored}
    wrong = [
        f"{row.key}, {row.arm}: {_describe_difference(before.get((row.key, row.arm)), row)}"
        for row in again
        if before.get((row.key, row.arm)) != row
    ]
    return CheckResult.from_faults(
        name, len(again), wrong, "episodes played again, equal bit for bit"
    )


def check_table(
    name: str, stored: pa.Table, again: pa.Table, keys: Sequence[EpisodeKey]
) -> CheckResult:
    """Compares the rows of some units in a table with those of the same units played again."""
    mine = [table.filter(_match_units(table, keys)) for table in (stored, again)]
    # As text: NaN equals itself there, and a float's text is that of no other float.
    equal = repr(mine[0].to_pydict()) == repr(mine[1].to_pydict())
    wrong = [] if equal else [f"{mine[0].num_rows} rows stored, {mine[1].num_rows} played again"]
    return CheckResult.from_faults(
        name, mine[1].num_rows, wrong, "rows of these units, equal bit for bit"
    )


def _find_contradictions(row: EpisodeRow) -> list[str]:
    laws = {
        "success is not how it stopped": row.success == (row.stop == "success"),
        "steps do not add up": row.strong_steps + row.weak_steps == row.steps,
        "steps by driver do not add up": row.steps_by is None
        or sum(steps for _, steps in row.steps_by) == row.steps,
        "no steps": row.steps > 0,
        "hand-over before it was decided": row.first_fire_k is None
        or row.handover_k is None
        or row.handover_k >= row.first_fire_k,
        "hand-overs without a first": (row.fires > 0) == (row.first_fire_k is not None),
        "strong steps without a stay": (row.strong_steps > 0) == bool(row.holds),
    }
    return [words for words, holds in laws.items() if not holds]


def _describe_difference(before: EpisodeRow | None, again: EpisodeRow) -> str:
    if before is None:
        return "not in the table"
    names = [name for name in EpisodeRow.__slots__ if getattr(before, name) != getattr(again, name)]
    return f"{', '.join(names)} differ"


def _agree(key: str, one: object, other: object) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        noise = 0.0 if _P_VALUE.search(key) else NOISE
        return math.isclose(one, other, rel_tol=NUMBER_TOLERANCE, abs_tol=noise)
    return type(one) is type(other) and one == other


def _walk_values(node: object, where: str = "") -> Iterator[tuple[str, object]]:
    """Yields the path and value of every leaf; an empty list or mapping is a leaf, too."""
    if isinstance(node, Mapping) and node:
        for name, child in node.items():
            if where or name not in UNCOMPARED_PARTS:
                yield from _walk_values(child, f"{where}.{name}" if where else str(name))
    elif isinstance(node, list) and node:
        for i, child in enumerate(node):
            yield from _walk_values(child, f"{where}[{i}]")
    else:
        yield where, node


def _match_units(table: pa.Table, keys: Sequence[EpisodeKey]) -> pa.ChunkedArray:
    names = {f"{key.task} {key.start} {key.index}" for key in keys}
    columns = [pc.cast(table.column(name), pa.string()) for name in ("task", "start", "index")]
    return pc.is_in(pc.binary_join_element_wise(*columns, " "), pa.array(sorted(names)))
