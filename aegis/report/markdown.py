"""Markdown: a document as text that GitHub shows, with figures beside it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from aegis.report.document import (
    Block,
    Bullets,
    Callout,
    Claim,
    Document,
    Figure,
    Heading,
    Paragraph,
    Table,
    Tiles,
    origin,
    spans,
)

FOLDER = "figures"


def markdown(document: Document) -> str:
    """Returns the document; figures are looked for as ``figures/<name>.svg``."""
    parts = [f"# {_inline(document.title)}", *(_block(block) for block in document.blocks)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _block(block: Block) -> str:
    match block:
        case Heading(words, level):
            return f"{'#' * level} {_inline(words)}"
        case Paragraph(words):
            return _inline(words)
        case Claim(words):
            return f"**{_inline(words)}**"
        case Callout(words, bad):
            return f"> [!{'WARNING' if bad else 'NOTE'}]\n> {_inline(words)}"
        case Bullets(items):
            return "\n".join(f"- {_inline(item)}" for item in items)
        case Tiles(tiles):
            return "\n".join(
                f"- **{_inline(tile.value)}** {_inline(tile.ci)}: {_inline(tile.words)}"
                for tile in tiles
            )
        case Table():
            return _table(block)
        case Figure():
            return _figure(block)


def _table(table: Table) -> str:
    bars = ["---" if i == 0 or i in table.words else "--:" for i in range(len(table.head))]
    lines = [_row([_inline(words) for words in table.head]), _row(bars)]
    for i, row in enumerate(table.rows):
        cells = [_inline(" ".join(cell.split("\n"))) for cell in row]
        bold = i in (*table.bold, *table.bad)
        lines.append(_row([f"**{cell}**" if bold and cell else cell for cell in cells]))
    source = f" _{_inline(origin(table.source))}_" if table.source else ""
    return f"{_inline(table.caption)}{source}\n\n" + "\n".join(lines)


def _figure(figure: Figure) -> str:
    picture = f"![{_inline(figure.canvas.title)}]({FOLDER}/{figure.name}.svg)"
    source = f" _{_inline(origin(figure.source))}_" if figure.source else ""
    return f"{picture}\n\n{_inline(figure.caption)}{source}"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _inline(words: str) -> str:
    return "".join(_code(part) if named else _plain(part) for part, named in spans(words))


def _code(name: str) -> str:
    return f"`{name.replace('|', chr(92) + '|')}`"


def _plain(words: str) -> str:
    text = escape(" ".join(words.split("\n")), quote=False)
    for mark in "\\|*_":
        text = text.replace(mark, f"\\{mark}")
    return text.replace("](", "]\\(")  # Brackets are intervals here, never links.
