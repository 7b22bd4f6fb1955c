"""Markdown: tables of a report."""

from __future__ import annotations

from collections.abc import Sequence

from aegis.report.markup import mark_markdown_cell, write_row


def write_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Returns a table of Markdown.

    Args:
        heads: Headings of the columns; the first column holds words, the others numbers.
        rows: Cells; names stand between back ticks.
    """
    bars = [":--", *("--:" for _ in heads[1:])]
    cells = [[mark_markdown_cell(cell) for cell in row] for row in rows]
    return "\n".join(map(write_row, [list(heads), bars, *cells]))


def join_sections(*sections: str) -> str:
    """Returns the sections of a page with a blank line between any two; empty ones are left out."""
    return "\n\n".join(section.strip() for section in sections if section.strip()) + "\n"
