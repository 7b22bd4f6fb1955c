"""Axis: from numbers to places on a canvas, with round ticks, and labels kept apart."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from aegis.report.canvas import FAINT, GRID, SMALL, SOFT, Canvas


@dataclass(frozen=True, slots=True)
class Scale:
    """A straight map from numbers to pixels.

    Attributes:
        low, high: Numbers at its ends.
        start, stop: Places of these [px].
    """

    low: float
    high: float
    start: float
    stop: float

    def __call__(self, value: float) -> float:
        """Returns the place of a number [px]; outside, the nearest end; NaN of what is NaN."""
        if math.isnan(value):
            return value
        part = (value - self.low) / ((self.high - self.low) or 1.0)
        return self.start + min(1.0, max(0.0, part)) * (self.stop - self.start)

    def ticks(self, about: int = 5) -> tuple[float, ...]:
        """Returns round numbers within."""
        return ticks(self.low, self.high, about)


def ticks(low: float, high: float, about: int = 5) -> tuple[float, ...]:
    """Returns about so many round numbers from ``low`` to ``high``."""
    span = high - low
    if not (math.isfinite(span) and span > 0):
        return (low,) if math.isfinite(low) else ()
    raw = span / max(1, about)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(s * power for s in (1, 2, 2.5, 5, 10) if s * power >= raw * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return tuple(round(i * step, 12) for i in range(first, last + 1))


def reach(
    values: Iterable[float], least: float = 0.0, room: float = 0.06, within: Sequence[float] = ()
) -> tuple[float, float]:
    """Returns a range that holds all numbers with some room.

    Args:
        values: Numbers; those that are not finite are passed over.
        least: Smallest width of the range.
        room: Share of the width that is added on both sides.
        within: Bounds that the range never leaves.
    """
    known = [value for value in values if math.isfinite(value)] or [0.0]
    low, high = min(known), max(known)
    pad = max(room * (high - low), (least - (high - low)) / 2, 1e-9 * max(1.0, abs(low), abs(high)))
    low, high = low - pad, high + pad
    return (max(low, within[0]), min(high, within[1])) if within else (low, high)


def bottom(
    canvas: Canvas,
    scale: Scale,
    y: float,
    label: str,
    write: Callable[[float], str],
    top: float | None = None,
    about: int = 5,
) -> None:
    """Draws an axis below a panel; with ``top``, grid lines up to there."""
    for tick in scale.ticks(about):
        x = scale(tick)
        if top is not None:
            canvas.line((x, top), (x, y), GRID)
        canvas.line((x, y), (x, y + 4), FAINT)
        canvas.text((x, y + 17), write(tick), SOFT, "middle", SMALL)
    canvas.line((scale.start, y), (scale.stop, y), FAINT)
    if label:
        canvas.text(((scale.start + scale.stop) / 2, y + 35), label, SOFT, "middle", SMALL)


def left(
    canvas: Canvas,
    scale: Scale,
    x: float,
    label: str,
    write: Callable[[float], str],
    right: float | None = None,
    about: int = 5,
) -> None:
    """Draws an axis left of a panel; with ``right``, grid lines up to there."""
    for tick in scale.ticks(about):
        y = scale(tick)
        if right is not None:
            canvas.line((x, y), (right, y), GRID)
        canvas.text((x - 7, y + 4), write(tick), SOFT, "end", SMALL)
    if label:
        # Above the axis and level: nobody turns their head.
        canvas.text((max(2.0, x - 42), min(scale.start, scale.stop) - 12), label, SOFT, size=SMALL)


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Returns places near the wanted ones that are at least ``gap`` apart.

    Places keep their order; if there is no room for all, they are spaced evenly.
    """
    order = sorted(range(len(wanted)), key=lambda i: (wanted[i], i))
    if not order:
        return []
    gap = min(gap, (high - low) / max(1, len(order) - 1)) if len(order) > 1 else gap
    # Clusters of labels that touch are centred where they would like to be.
    groups: list[list[int]] = []
    tops: list[float] = []
    for i in order:
        groups.append([i])
        tops.append(min(max(wanted[i], low), high))
        while len(groups) > 1 and tops[-1] < tops[-2] + gap * len(groups[-2]) - 1e-9:
            groups[-2:] = [groups[-2] + groups[-1]]
            size = len(groups[-1])
            middle = sum(wanted[j] for j in groups[-1]) / size
            last = high - gap * (size - 1)
            tops[-2:] = [min(max(middle - gap * (size - 1) / 2, low), max(low, last))]
    placed = [0.0] * len(wanted)
    for group, top in zip(groups, tops, strict=True):
        for rank, i in enumerate(group):
            placed[i] = top + gap * rank
    return placed


def whole(value: float) -> str:
    """Returns a tick as a whole number."""
    return f"{value:.0f}".replace("-", "−")


def hundredths(value: float) -> str:
    """Returns a tick of a share in percent."""
    return f"{100 * value:.4g}".replace("-", "−")
