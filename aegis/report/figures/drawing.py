"""Drawing: a sheet of panels placed in pixels; matplotlib draws it, without global state."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator

from aegis.report.figures.svg import strip_controls, theme_svg
from aegis.report.palette import LIGHT

WIDTH = 760.0
"""Of all figures [px]."""
TEXT, SMALL = 12.5, 11.5
"""Sizes of letters [px]."""
_DPI = 72  # A point is then a pixel.
_STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",  # shipped with matplotlib, and wider than what readers see
    "text.parse_math": False,  # a name may hold a dollar
    "svg.fonttype": "none",
    "svg.hashsalt": "aegis",
    "path.simplify": False,
}


@contextmanager
def use_style() -> Iterator[None]:
    """Sets how figures look while they are drawn, whatever a user's matplotlibrc says."""
    with style.context(["default", _STYLE]):
        yield


@dataclass(frozen=True, slots=True)
class Chart:
    """A finished figure.

    Attributes:
        name: Of its file, without ending; also of its caption among the texts.
        title: What it shows, for readers who cannot see it.
        svg: One SVG element.
        source: Where its numbers come from.
        facts: What its caption needs to know besides the study.
    """

    name: str
    title: str
    svg: str
    source: str
    facts: Mapping[str, object] = field(default_factory=dict)


class Drawing:
    """A sheet that is being drawn; places are pixels from its top left corner.

    Args:
        height: Of the sheet [px].
        width: Of the sheet [px].
    """

    def __init__(self, height: float, width: float = WIDTH) -> None:
        self.width, self.height = width, height
        self.figure = Figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI)
        self.figure.patch.set_visible(False)

    def add_panel(self, left: float, top: float, width: float, height: float) -> Axes:
        """Returns new axes with a bottom and a left spine, and small soft ticks."""
        place = (
            left / self.width,
            1 - (top + height) / self.height,
            width / self.width,
            height / self.height,
        )
        axes = self.figure.add_axes(place)
        axes.patch.set_visible(False)
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(LIGHT["faint"])
        axes.tick_params(colors=LIGHT["soft"], labelsize=SMALL, length=4, pad=4)
        axes.set_axisbelow(True)
        return axes

    def add_band(self, top: float, height: float, colour: str = LIGHT["band"]) -> None:
        """Fills a band across the whole sheet, behind all panels."""
        low = 1 - (top + height) / self.height
        band = Rectangle(
            (0, low), 1, height / self.height, transform=self.figure.transFigure,
            facecolor=colour, edgecolor="none", zorder=-2,
        )  # fmt: skip
        self.figure.add_artist(band)

    def write(
        self,
        x: float,
        y: float,
        words: str,
        colour: str = LIGHT["ink"],
        align: str = "left",
        size: float = SMALL,
        bold: bool = False,
    ) -> None:
        """Writes words; ``(x, y)`` is on their base line."""
        self.figure.text(
            x / self.width, 1 - y / self.height, strip_controls(words), color=colour,
            ha=align, va="baseline", size=size, weight="bold" if bold else "normal",
        )  # fmt: skip

    def finish(
        self, name: str, title: str, source: str, facts: Mapping[str, object] | None = None
    ) -> Chart:
        """Returns the figure; equal drawings give equal bytes."""
        file = io.StringIO()
        self.figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
        return Chart(name, title, theme_svg(file.getvalue(), name, title), source, facts or {})


def write_at(
    axes: Axes,
    x: float,
    y: float,
    words: str,
    colour: str = LIGHT["ink"],
    align: str = "left",
    shift: tuple[float, float] = (0.0, 0.0),
    bold: bool = False,
    size: float = SMALL,
) -> None:
    """Writes words next to a point of the data, shifted by some pixels (right, up)."""
    axes.annotate(
        strip_controls(words), (x, y), xytext=shift, textcoords="offset points",
        color=colour, ha=align, va="center_baseline", size=size, annotation_clip=False,
        weight="bold" if bold else "normal",
    )  # fmt: skip


def set_scale(
    axes: Axes,
    along: str,
    ends: tuple[float, float],
    write: Callable[[float], str],
    label: str = "",
    ticks: int = 5,
    grid: bool = True,
) -> None:
    """Sets the range of an axis (``x`` or ``y``), its round ticks, their words and its label."""
    axis = axes.xaxis if along == "x" else axes.yaxis
    (axes.set_xlim if along == "x" else axes.set_ylim)(*ends)
    axis.set_major_locator(MaxNLocator(ticks, steps=[1, 2, 2.5, 5, 10]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: write(value)))
    if grid:
        axes.grid(axis="x" if along == "x" else "y", color=LIGHT["grid"], linewidth=0.8)
    if label:
        axis.set_label_text(strip_controls(label), color=LIGHT["soft"], size=SMALL)


def shorten(words: str, width: float, size: float = SMALL) -> str:
    """Returns words that fit into a width [px], cut in the middle: both ends say most."""
    # A letter is about 0.54 times as wide as its size.
    room = max(3, int(width / (0.54 * size)))
    if len(words) <= room:
        return words
    tail = (room - 1) // 2
    return f"{words[: room - 1 - tail]}…{words[-tail:]}"


def write_whole(value: float) -> str:
    """Returns a tick as a whole number."""
    return f"{value:.0f}".replace("-", "−")


def write_hundredths(value: float) -> str:
    """Returns a tick of a share, in percent."""
    return f"{100 * value:.4g}".replace("-", "−")
