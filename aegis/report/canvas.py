"""Canvas: shapes and words on a plane, written as SVG; equal calls give equal bytes."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

INK, SOFT, FAINT, GRID = "#1a1a1a", "#5a5a5a", "#9a9a9a", "#e4e4e4"
"""From text to grid lines."""
BLUE, VERMILLION, GREEN, ORANGE = "#0072B2", "#D55E00", "#009E73", "#E69F00"
SKY, PINK = "#56B4E9", "#CC79A7"
"""Colours that the colour-blind can tell apart (Okabe and Ito)."""
READABLE = {ORANGE: "#8a5f00", VERMILLION: "#b34f00", GREEN: "#00775a", PINK: "#a04d7b"}
"""Darker kin of the lighter ones, for letters on white."""
FONT = "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"
TEXT, SMALL = 13.0, 12.0
"""Sizes of letters [px]."""
Point = tuple[float, float]


@dataclass(slots=True)
class Canvas:
    """A picture that is being drawn; the origin is at the top left, units are pixels.

    Attributes:
        width, height: Of the picture [px].
        title: What it shows, for those who cannot see it.
    """

    width: float
    height: float
    title: str
    _parts: list[str] = field(default_factory=list)

    def line(
        self, a: Point, b: Point, colour: str = INK, width: float = 1.0, dash: str = ""
    ) -> None:
        """Draws a straight line."""
        ends = f'x1="{_n(a[0])}" y1="{_n(a[1])}" x2="{_n(b[0])}" y2="{_n(b[1])}"'
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        self._parts.append(f'<line {ends} stroke="{colour}" stroke-width="{_n(width)}"{dashes}/>')

    def span(self, a: Point, b: Point, colour: str, width: float = 1.4) -> None:
        """Draws an interval; nothing where an end of it is not known."""
        if all(math.isfinite(value) for value in (*a, *b)):
            self.line(a, b, colour, width)

    def rect(
        self, x: float, y: float, width: float, height: float, fill: str, opacity: float = 1.0
    ) -> None:
        """Fills a rectangle."""
        box = f'x="{_n(x)}" y="{_n(y)}" width="{_n(max(0.0, width))}" height="{_n(height)}"'
        self._parts.append(f'<rect {box} fill="{fill}"{_opacity(opacity)}/>')

    def dot(self, at: Point, colour: str, radius: float = 4.0, hollow: bool = False) -> None:
        """Draws a disc, or a ring."""
        fill = "#ffffff" if hollow else colour
        place = f'cx="{_n(at[0])}" cy="{_n(at[1])}" r="{_n(radius)}"'
        self._parts.append(f'<circle {place} fill="{fill}" stroke="{colour}" stroke-width="1.5"/>')

    def area(self, points: Sequence[Point], fill: str, opacity: float = 1.0) -> None:
        """Fills a polygon."""
        self._parts.append(f'<polygon points="{_list(points)}" fill="{fill}"{_opacity(opacity)}/>')

    def curve(
        self, points: Sequence[Point], colour: str, width: float = 1.8, dash: str = ""
    ) -> None:
        """Draws a line through points."""
        style = f'stroke="{colour}" stroke-width="{_n(width)}" stroke-linejoin="round"'
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        self._parts.append(f'<polyline points="{_list(points)}" fill="none" {style}{dashes}/>')

    def ribbon(
        self, left: tuple[float, float], right: tuple[float, float], x: Point, fill: str
    ) -> None:
        """Fills a band that flows from one upright edge to another.

        Args:
            left: Top and bottom of the left edge.
            right: Top and bottom of the right edge.
            x: Where the two edges stand.
            fill: Colour.
        """
        a, b = x
        m = (a + b) / 2
        path = (
            f"M{_n(a)} {_n(left[0])}C{_n(m)} {_n(left[0])} {_n(m)} {_n(right[0])} "
            f"{_n(b)} {_n(right[0])}V{_n(right[1])}C{_n(m)} {_n(right[1])} {_n(m)} "
            f"{_n(left[1])} {_n(a)} {_n(left[1])}Z"
        )
        self._parts.append(f'<path d="{path}" fill="{fill}"/>')

    def text(
        self,
        at: Point,
        words: str,
        colour: str = INK,
        anchor: str = "start",
        size: float = TEXT,
        bold: bool = False,
        turn: float = 0.0,
    ) -> None:
        """Writes words; ``at`` is on their base line."""
        style = f'font-size="{_n(size)}" fill="{READABLE.get(colour, colour)}"'
        style += f' text-anchor="{anchor}"' if anchor != "start" else ""
        style += ' font-weight="bold"' if bold else ""
        style += f' transform="rotate({_n(turn)} {_n(at[0])} {_n(at[1])})"' if turn else ""
        self._parts.append(f'<text x="{_n(at[0])}" y="{_n(at[1])}" {style}>{clean(words)}</text>')

    def title_line(self, at: Point, words: str, note: str = "", colour: str = INK) -> None:
        """Writes bold words, and plain ones after them, wherever the bold ones end."""
        place = f'x="{_n(at[0])}" y="{_n(at[1])}" font-size="{_n(TEXT)}"'
        style = f'font-weight="normal" fill="{SOFT}" font-size="{_n(SMALL)}" dx="7"'
        rest = f"<tspan {style}>{clean(note)}</tspan>" if note else ""
        bold = f'<text {place} fill="{colour}" font-weight="bold">{clean(words)}{rest}</text>'
        self._parts.append(bold)

    def image(self, at: Point, width: float, height: float, png: bytes, words: str) -> None:
        """Puts a PNG picture, embedded."""
        box = f'x="{_n(at[0])}" y="{_n(at[1])}" width="{_n(width)}" height="{_n(height)}"'
        data = f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"
        title = f"<title>{clean(words)}</title>"
        self._parts.append(f'<image {box} href="{data}">{title}</image>')

    def svg(self) -> str:
        """Returns the picture as one SVG element."""
        size = f'viewBox="0 0 {_n(self.width)} {_n(self.height)}"'
        body = "\n".join(self._parts)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} width="{_n(self.width)}" '
            f'height="{_n(self.height)}" role="img" font-family="{FONT}">\n'
            f"<title>{clean(self.title)}</title>\n"
            f'<rect width="100%" height="100%" fill="#ffffff"/>\n{body}\n</svg>\n'
        )


def clean(words: str) -> str:
    """Returns words that may stand in XML: escaped, without control characters."""
    return escape("".join(c if c.isprintable() else " " for c in words), quote=True)


def breadth(words: str, size: float = TEXT) -> float:
    """Returns about how wide words are [px]: rather too wide, since fonts differ."""
    return 0.57 * size * len(words)


def shorten(words: str, width: float, size: float = TEXT) -> str:
    """Returns words that fit, cut in the middle where the ends tell more."""
    room = max(3, int(width / (0.57 * size)))
    if len(words) <= room:
        return words
    tail = (room - 1) // 2
    return f"{words[: room - 1 - tail]}…{words[-tail:]}"


def _n(value: float) -> str:
    if not math.isfinite(value):
        raise ValueError(f"A figure has no place for {value}.")
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def _opacity(value: float) -> str:
    return "" if value >= 1.0 else f' fill-opacity="{_n(value)}"'


def _list(points: Sequence[Point]) -> str:
    return " ".join(f"{_n(x)},{_n(y)}" for x, y in points)
