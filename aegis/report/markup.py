"""Markup: from words with names between back ticks to HTML, and to Markdown.

Nothing but back ticks is markup in the words of a report, so no name can break a page.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape

from markupsafe import Markup

from aegis.report.tabulation.table import Column


def split_names(words: str) -> tuple[tuple[str, bool], ...]:
    """Returns the parts of words, and of each whether it is a name."""
    parts = words.split("`")
    if len(parts) % 2 == 0:  # A tick without its twin is just a tick.
        parts[-2:] = ["'".join(parts[-2:])]
    return tuple((part, i % 2 == 1) for i, part in enumerate(parts) if part)


def mark_html(words: str) -> Markup:
    """Returns words as HTML; names are code, and a number keeps its unit."""
    return Markup(
        "".join(
            f"<code>{_break_name(part)}</code>" if named else _keep_units(escape(part, quote=True))
            for part, named in split_names(" ".join(str(words).split("\n")))
        )
    )


def mark_html_cell(cell: str) -> Markup:
    """Returns a cell as HTML: one block, its further lines as blocks within."""
    first, *rest = cell.split("\n")
    spans = (Markup("<span>{}</span>").format(mark_html(line)) for line in rest)
    return Markup("<div>{}{}</div>").format(mark_html(first), Markup("").join(spans))


def mark_markdown(words: str) -> str:
    """Returns words as Markdown on one line; only names are marked."""
    return "".join(
        f"`{part.replace('|', chr(92) + '|')}`" if named else _escape_markdown(part)
        for part, named in split_names(" ".join(str(words).split("\n")))
    )


def mark_markdown_cell(cell: str) -> str:
    """Returns a cell as Markdown on one line."""
    return mark_markdown(" ".join(cell.split("\n")))


def label_column(column: Column) -> str:
    """Returns a column's heading with its group, for where it stands alone."""
    return f"{column.group}: {column.head}" if column.group else column.head


def label_html(column: Column) -> str:
    """Returns a column's heading with its group, short and plain, for an attribute."""
    group = column.group.split(" (")[0]
    return (f"{group}: {column.head}" if group else column.head).replace("`", "")


def write_bars(columns: Iterable[Column]) -> list[str]:
    """Returns how Markdown aligns columns."""
    return ["---" if i == 0 or c.words else "--:" for i, c in enumerate(columns)]


def write_row(cells: Iterable[str]) -> str:
    """Returns a row of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def embolden(cells: Iterable[str], bold: bool) -> list[str]:
    """Returns cells in bold, if they are to be."""
    return [f"**{cell}**" if bold and cell else cell for cell in cells]


def name_source(source: str) -> str:
    """Returns where numbers come from, in words: a table, or a place in ``report.json``."""
    return f"Source: {source if '.parquet' in source else f'report.json, {source}'}."


def make_anchor(words: str) -> str:
    """Returns the address of a heading within its page, as GitHub makes them."""
    kept = "".join(c for c in words.lower().replace(" ", "-") if c.isalnum() or c in "-_")
    return kept or "section"


def split_paragraphs(text: str) -> list[str]:
    """Returns the paragraphs of a text; blank lines part them."""
    return [_join_lines(part) for part in re.split(r"\n[ \t]*\n", text) if part.strip()]


def split_items(text: str) -> list[str]:
    """Returns the items of a list; each begins with a dash at the start of a line."""
    return [
        _join_lines(part) for part in re.split(r"^- ", text, flags=re.MULTILINE) if part.strip()
    ]


def _join_lines(text: str) -> str:
    """Joins lines by single spaces; the space that keeps a number and its unit stays."""
    return re.sub(r"[ \t\n]+", " ", text).strip()


def _break_name(name: str) -> str:
    """Returns a name that may go on in the next line after each of its parts."""
    out, run = "", 0
    for c in name:
        run = 0 if c in " _.-/[]:" else run + 1
        out += escape(c, quote=True) + ("<wbr>" if c in "_./]:" or run == 16 else "")
        run %= 16
    return out


def _keep_units(html: str) -> str:
    return html.replace(" %", "&nbsp;%").replace(" pp", "&nbsp;pp")


def _escape_markdown(part: str) -> str:
    text = escape(part, quote=False)
    for mark in "\\|*_":
        text = text.replace(mark, f"\\{mark}")
    return text.replace("](", "]\\(")  # Brackets are intervals here, never links.
