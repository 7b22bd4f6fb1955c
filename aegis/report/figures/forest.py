"""Forest plot: named rows, each with a dot and its interval in one or more panels."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

from aegis.report.figures.drawing import SMALL, TEXT, WIDTH, Drawing, set_scale, shorten, write_at
from aegis.report.figures.places import find_range
from aegis.report.palette import LIGHT
from aegis.stats.intervals import Interval

TOP, BOTTOM = 30.0, 44.0


@dataclass(frozen=True, slots=True)
class Row:
    """A row: its name, its colour, whether it is shaded, and whether a group ends above it."""

    name: str
    colour: str = LIGHT["soft"]
    shaded: bool = False
    ruled: bool = False


@dataclass(frozen=True, slots=True)
class Dot:
    """A number with its interval, and how it is written.

    Attributes:
        value: The number.
        ci: Its interval; a thick line.
        words: Stands to the right; may be empty.
        outer: A second interval; a thin line.
        colour: If it is not that of the row.
    """

    value: float
    ci: Interval
    words: str = ""
    outer: Interval | None = None
    colour: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel.

    Attributes:
        title: Stands above.
        label: Of the axis, with the unit.
        dots: One for each row; None where there is none.
        write: Writes a tick.
        zero: Where a line divides for from against; None for no line.
        within: Bounds that the axis never leaves; empty for none.
    """

    title: str
    label: str
    dots: tuple[Dot | None, ...]
    write: Callable[[float], str]
    zero: float | None = None
    within: tuple[float, ...] = ()


def draw_forest(
    rows: Sequence[Row], panels: Sequence[Panel], row_height: float = 24.0, names: float = 0.0
) -> Drawing:
    """Returns a forest plot.

    Args:
        rows: From top to bottom.
        panels: From left to right; each has its own scale.
        row_height: Of a row [px].
        names: Width of the column of names [px]; by default what the longest needs.
    """
    drawing = Drawing(TOP + row_height * max(1, len(rows)) + BOTTOM)
    names = names or min(230.0, max(70.0, *(0.57 * TEXT * len(r.name) + 16 for r in rows)))
    for i, row in enumerate(rows):
        if row.shaded:
            drawing.add_band(TOP + row_height * i, row_height)
        if row.ruled:
            drawing.add_band(TOP + row_height * i - 0.5, 1, LIGHT["faint"])
        words = shorten(row.name, names - 8, TEXT)
        y = TOP + row_height * (i + 0.5) + 4.5
        drawing.write(6, y, words, size=TEXT, bold=row.shaded)
    wide = (WIDTH - names) / max(1, len(panels))
    for i, panel in enumerate(panels):
        draw_rows(drawing, rows, panel, (names + i * wide, TOP), wide, row_height)
    return drawing


def draw_rows(
    drawing: Drawing,
    rows: Sequence[Row],
    panel: Panel,
    at: tuple[float, float],
    width: float,
    row_height: float,
    ends: tuple[float, float] | None = None,
) -> None:
    """Draws one panel of rows.

    Args:
        drawing: Where.
        rows: Their colours.
        panel: What.
        at: Its left and top edge [px]; its title stands above.
        width: Of panel and words together [px].
        row_height: Of a row [px].
        ends: Range of the axis; by default what the dots need.
    """
    left, top = at
    known = [dot for dot in panel.dots if dot is not None and math.isfinite(dot.value)]
    words = max([0.0, *(0.57 * SMALL * len(dot.words) for dot in known)])
    inner = width - words - (26 if words else 32)
    drawing.write(left + 10, top - 12, panel.title, size=TEXT, bold=True)
    axes = drawing.add_panel(left + 10, top, inner, row_height * max(1, len(rows)))
    axes.spines["left"].set_visible(False)
    axes.set_ylim(len(rows) or 1, 0)
    axes.set_yticks([])
    ticks = max(2, min(5, int(inner / 44)))
    set_scale(axes, "x", ends or find_dot_range([panel]), panel.write, panel.label, ticks)
    if panel.zero is not None:
        axes.axvline(panel.zero, color=LIGHT["ink"], linewidth=1.1, zorder=1)
    for i, (row, dot) in enumerate(zip(rows, panel.dots, strict=True)):
        _draw_dot(axes, i + 0.5, row, dot, width - inner - 16)


def _draw_dot(axes: Axes, y: float, row: Row, dot: Dot | None, shift: float) -> None:
    """Draws one dot with its intervals; its words end so many pixels right of the axes."""
    if dot is None or not math.isfinite(dot.value):
        write_at(axes, axes.get_xlim()[0], y, "–", LIGHT["soft"], shift=(2, 0))
        return
    colour = dot.colour or row.colour
    for ci, thick in ((dot.outer, 0.9), (dot.ci, 2.6)):
        if ci is not None and math.isfinite(ci.low + ci.high):
            axes.plot([ci.low, ci.high], [y, y], color=colour, linewidth=thick, zorder=2)
    axes.plot([dot.value], [y], "o", color=colour, markersize=6.5, zorder=3, clip_on=False)
    if dot.words:
        write_at(axes, axes.get_xlim()[1], y, dot.words, align="right", shift=(shift, 0),
                 bold=row.shaded)  # fmt: skip


def find_dot_range(panels: Sequence[Panel]) -> tuple[float, float]:
    """Returns a range that holds all dots of some panels, with their intervals."""
    dots = [dot for panel in panels for dot in panel.dots if dot is not None]
    ends = [end for dot in dots for end in (dot.value, dot.ci.low, dot.ci.high)]
    ends += [end for dot in dots if dot.outer for end in (dot.outer.low, dot.outer.high)]
    ends += [panel.zero for panel in panels if panel.zero is not None]
    return find_range(ends, 0.05, 0.04, panels[0].within)
