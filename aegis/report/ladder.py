"""Ladder: a chart of named rows, each with a dot and its interval in one or more panels."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aegis.report.axis import Scale, bottom, reach
from aegis.report.canvas import BLUE, INK, SMALL, SOFT, TEXT, Canvas, breadth, shorten
from aegis.stats.intervals import Interval

WIDTH = 700.0
"""Of all figures [px]."""
ROW, TOP, BOTTOM = 25.0, 30.0, 46.0


@dataclass(frozen=True, slots=True)
class Rung:
    """A row: its name, its colour, and whether it matters most."""

    name: str
    colour: str = SOFT
    bold: bool = False


@dataclass(frozen=True, slots=True)
class Dot:
    """A number with its interval, and how it is written."""

    value: float
    ci: Interval
    words: str


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel.

    Attributes:
        title: What is shown; stands above.
        label: Of the axis, with the unit.
        dots: One for each row; None where there is none.
        write: Writes a tick.
        zero: Where a line stands that divides for from against; None for no line.
        within: Bounds that the axis never leaves; empty for none.
    """

    title: str
    label: str
    dots: tuple[Dot | None, ...]
    write: Callable[[float], str]
    zero: float | None = None
    within: tuple[float, ...] = ()


def ladder(
    title: str, rungs: Sequence[Rung], panels: Sequence[Panel], shared: bool = False
) -> Canvas:
    """Returns the chart.

    Args:
        title: What it shows.
        rungs: Rows from top to bottom.
        panels: Panels from left to right.
        shared: Whether all panels have the same scale.
    """
    canvas = Canvas(WIDTH, TOP + ROW * max(1, len(rungs)) + BOTTOM, title)
    names = min(250.0, max([60.0, *(breadth(r.name) + 14 for r in rungs)]))
    for i, rung in enumerate(rungs):
        y = TOP + ROW * i
        if rung.bold:
            canvas.rect(0, y, WIDTH, ROW, BLUE, 0.08)
        words = shorten(rung.name, names - 8)
        canvas.text((6, y + ROW / 2 + 4.5), words, INK, bold=rung.bold)
    wide = (WIDTH - names) / max(1, len(panels))
    ranges = [_range([panel]) for panel in panels]
    if shared:
        ranges = [_range(panels)] * len(panels)
    for i, (panel, ends) in enumerate(zip(panels, ranges, strict=True)):
        _panel(canvas, rungs, panel, (names + i * wide, wide), ends)
    return canvas


def _range(panels: Sequence[Panel]) -> tuple[float, float]:
    dots = [dot for panel in panels for dot in panel.dots if dot is not None]
    ends = [end for dot in dots for end in (dot.value, dot.ci.low, dot.ci.high)]
    ends += [panel.zero for panel in panels if panel.zero is not None]
    return reach(ends, 0.05, 0.04, panels[0].within)


def _panel(
    canvas: Canvas,
    rungs: Sequence[Rung],
    panel: Panel,
    place: tuple[float, float],
    ends: tuple[float, float],
) -> None:
    """Draws a panel; ``place`` is its left edge and its width, ``ends`` those of its axis."""
    x, wide = place
    known = [dot for dot in panel.dots if dot is not None and math.isfinite(dot.value)]
    words = max([0.0, *(breadth(dot.words, SMALL) for dot in known)])
    scale = Scale(*ends, x + 10, x + wide - words - 14)
    foot = TOP + ROW * max(1, len(rungs))
    canvas.text((x + 10, 16), panel.title, INK, size=TEXT, bold=True)
    bottom(canvas, scale, foot, panel.label, panel.write, TOP, 4)
    if panel.zero is not None:
        canvas.line((scale(panel.zero), TOP), (scale(panel.zero), foot), INK, 1.2)
    for i, (rung, dot) in enumerate(zip(rungs, panel.dots, strict=True)):
        y = TOP + ROW * (i + 0.5)
        if dot is None or not math.isfinite(dot.value):
            canvas.text((scale.start, y + 4), "–", SOFT, size=SMALL)
            continue
        canvas.span((scale(dot.ci.low), y), (scale(dot.ci.high), y), rung.colour, 2)
        canvas.dot((scale(dot.value), y), rung.colour, 4.2)
        canvas.text((x + wide - 6, y + 4), dot.words, INK, "end", SMALL, rung.bold)
