"""Table: columns of words under heads, before they become HTML or Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aegis.study.analysis.formatting import NO_NUMBER


@dataclass(frozen=True, slots=True)
class Column:
    """A column.

    Attributes:
        head: Its heading.
        cells: One for each row; a second line of a cell is the interval.
        group: Stands above the headings of adjacent columns that share it; may be empty.
        words: Whether cells hold words, which are set flush left, not numbers.
        optional: Whether the column is left out if no cell holds anything.
    """

    head: str
    cells: tuple[str, ...]
    group: str = ""
    words: bool = False
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table.

    Attributes:
        name: Of its caption among the texts.
        columns: From left to right; the first one names the rows.
        source: Where its numbers are in ``report.json``.
        bold: Indices of the rows that matter most.
        bad: Indices of the rows that are bad news.
        facts: What its caption needs to know besides the study.
    """

    name: str
    columns: tuple[Column, ...]
    source: str
    bold: tuple[int, ...] = ()
    bad: tuple[int, ...] = ()
    facts: Mapping[str, object] = field(default_factory=dict)

    @property
    def rows(self) -> tuple[tuple[str, ...], ...]:
        """Its cells, row by row."""
        return tuple(zip(*(column.cells for column in self.columns), strict=True))

    @property
    def groups(self) -> tuple[tuple[str, int], ...]:
        """Groups from left to right, each with its number of columns; empty if none is named."""
        found: list[tuple[str, int]] = []
        for column in self.columns:
            if found and found[-1][0] == column.group:
                found[-1] = (column.group, found[-1][1] + 1)
            else:
                found.append((column.group, 1))
        return tuple(found) if any(group for group, _ in found) else ()


def make_table(
    name: str,
    columns: Sequence[Column | None],
    source: str,
    *,
    bold: Sequence[int] = (),
    bad: Sequence[int] = (),
    facts: Mapping[str, object] | None = None,
) -> Table | None:
    """Returns a table without its empty optional columns; None if it has no row."""
    given = [column for column in columns if column is not None]
    kept = tuple(c for c in given if not c.optional or any(cell != NO_NUMBER for cell in c.cells))
    if not kept or not kept[0].cells:
        return None
    return Table(name, kept, source, tuple(bold), tuple(bad), facts or {})


def mark_code(name: str) -> str:
    """Returns a name as it stands in words: between back ticks, on one line."""
    return f"`{' '.join(name.replace('`', chr(39)).split()) or ' '}`"
