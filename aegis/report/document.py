"""Document: a report as blocks, before it becomes Markdown or HTML.

In all words, what stands between back ticks is a name and is shown as one; nothing else is markup.
"""

from __future__ import annotations

from dataclasses import dataclass

from aegis.report.canvas import Canvas


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading; ``level`` 2 or 3."""

    words: str
    level: int = 2


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph."""

    words: str


@dataclass(frozen=True, slots=True)
class Claim:
    """The one sentence that stands above all."""

    words: str


@dataclass(frozen=True, slots=True)
class Callout:
    """A sentence that nobody may miss.

    Attributes:
        words: The sentence.
        bad: Whether it is bad news.
    """

    words: str
    bad: bool = False


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list."""

    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tile:
    """A number at a glance: the number, its interval, and what it is."""

    value: str
    ci: str
    words: str


@dataclass(frozen=True, slots=True)
class Tiles:
    """Numbers at a glance."""

    tiles: tuple[Tile, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table.

    Attributes:
        caption: What it shows, with units.
        head: Column headings.
        rows: Cells; a second line of a cell is the interval.
        source: Where its numbers are in ``report.json``.
        bold: Indices of the rows that matter most.
        words: Indices of columns that hold words, not numbers; the first one always does.
        bad: Indices of the rows that are bad news.
    """

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    source: str = ""
    bold: tuple[int, ...] = ()
    words: tuple[int, ...] = ()
    bad: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure.

    Attributes:
        name: Of its file, without ending.
        canvas: What is drawn.
        caption: What it shows, how to read it, and what the intervals are.
        source: Where its numbers come from.
    """

    name: str
    canvas: Canvas
    caption: str
    source: str = ""


Block = Heading | Paragraph | Claim | Callout | Bullets | Tiles | Table | Figure


@dataclass(frozen=True, slots=True)
class Document:
    """A report.

    Attributes:
        title: Its title.
        blocks: All that it says, in order.
    """

    title: str
    blocks: tuple[Block, ...]

    @property
    def figures(self) -> tuple[Figure, ...]:
        """All figures, in order."""
        return tuple(block for block in self.blocks if isinstance(block, Figure))


def code(name: str) -> str:
    """Returns a name as it stands in words: between back ticks, on one line."""
    return f"`{' '.join(name.replace('`', chr(39)).split()) or ' '}`"


def spans(words: str) -> tuple[tuple[str, bool], ...]:
    """Returns the parts of words, and of each whether it is a name."""
    parts = words.split("`")
    if len(parts) % 2 == 0:  # A tick without its twin is just a tick.
        parts[-2:] = ["'".join(parts[-2:])]
    return tuple((part, i % 2 == 1) for i, part in enumerate(parts) if part)


def origin(source: str) -> str:
    """Returns where numbers come from, in words: a table, or a place in ``report.json``."""
    return f"Source: {source if '.parquet' in source else f'report.json, {source}'}"


def anchor(words: str) -> str:
    """Returns the address of a heading within its page, as GitHub makes them."""
    kept = "".join(c for c in words.lower().replace(" ", "-") if c.isalnum() or c in "-_")
    return kept or "section"
