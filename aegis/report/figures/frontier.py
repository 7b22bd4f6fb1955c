"""Frontier: success against duty, of all arms on test units and of settings in calibration."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

from aegis.report.figures.drawing import (
    SMALL,
    TEXT,
    Chart,
    Drawing,
    set_scale,
    shorten,
    write_at,
    write_hundredths,
)
from aegis.report.figures.places import find_range, spread_places
from aegis.report.palette import LIGHT
from aegis.report.view import StudyView
from aegis.stats.intervals import Interval
from aegis.study.analysis.formatting import format_percent
from aegis.study.analysis.frontier_points import FrontierPoint
from aegis.study.estimates import Estimate, Share

TALL, LEFT, WIDE, FULL, LABELS = 320.0, 46.0, 420.0, 34.0, 536.0
SMALL_TALL, SMALL_WIDE, SMALL_LABELS = 260.0, 340.0, 420.0
_TAIL = ", on calibration units"


@dataclass(frozen=True, slots=True)
class _Point:
    """A point with its label."""

    duty: Estimate
    success: Share
    words: str
    colour: str
    bold: bool = False
    hollow: bool = False


def draw_frontier(view: StudyView) -> Chart | None:
    """Draws arms above, and the settings that calibration tried below."""
    arms, tried = _find_arms(view), _find_tried(view)
    if not arms:
        return None
    drawing = Drawing(TALL + 96 + (SMALL_TALL + 84 if tried else 0))
    _draw_arms(drawing, view, arms)
    if tried:
        _draw_tried(drawing, tried, TALL + 130)
    facts = {"tried": bool(tried), "strong": any(p.duty.value == 1.0 for p in arms)}
    return drawing.finish("frontier", "Success against duty", "frontier[] and arms.*", facts)


def _find_arms(view: StudyView) -> list[_Point]:
    """Returns a point for each arm, and one for an oracle that is no arm of the table."""
    found = [(arm.name, arm.duty, arm.success, False) for arm in view.result.arms]
    played = {arm.name for arm in view.result.arms}
    found += [
        (point.gate, point.duty, point.success, True)
        for point in view.result.frontier
        if point.gate not in played and not point.setting.endswith(_TAIL)
    ]
    recommended = view.result.recommended
    return [
        _Point(
            duty,
            success,
            f"{shorten(name, 150)}{'*' if loose else ''}  {format_percent(success.value)}",
            view.colour_of(name),
            name == recommended,
            loose or (duty.value > 0 and name in _placebos(view)),
        )
        for name, duty, success, loose in found
        if math.isfinite(duty.value + success.value)
    ]


def _placebos(view: StudyView) -> set[str]:
    return {arm.name for arm in view.result.arms if view.is_placebo(arm)}


def _find_tried(view: StudyView) -> list[_Point]:
    """Returns a point for each setting that was tried, every duty and success only once."""
    gates = dict.fromkeys(point.gate for point in view.result.frontier)
    found: dict[tuple[str, float, float], FrontierPoint] = {}
    for gate in gates:
        for point in view.calibration_points(gate):
            if point.setting.endswith(_TAIL) and math.isfinite(
                point.duty.value + point.success.value
            ):
                found.setdefault((gate, point.duty.value, point.success.value), point)
    return [
        _Point(
            point.duty,
            point.success,
            f"{shorten(_name_setting(point), 260)}  {format_percent(point.success.value)}",
            view.colour_of(point.gate),
            hollow=True,
        )
        for point in found.values()
    ]


def _name_setting(point: FrontierPoint) -> str:
    """Returns arm and dial, ``blind: period 55``, without the words that all settings share."""
    setting = point.setting.removesuffix(_TAIL).removeprefix("gate.").removeprefix("switch.")
    return point.gate if setting == "as configured" else f"{point.gate}: {setting}"


def _draw_arms(drawing: Drawing, view: StudyView, points: Sequence[_Point]) -> None:
    # What drives always stands behind a break of the axis: it would squeeze all others together.
    part = [p for p in points if p.duty.value < 0.98]
    full = [p for p in points if p.duty.value >= 0.98]
    target, limit = view.plan.budget.duty, view.plan.budget.at_most
    duties = [end for p in part for end in (p.duty.value, p.duty.ci.high)]
    _, widest = find_range([0.0, *duties, limit], 0.1, 0.04, (0.0, 1.0))
    heights = _find_heights(points)
    top, wide = 40.0, WIDE if full else WIDE + FULL + 14
    drawing.write(4, 16, "Arms, on test units", size=TEXT, bold=True)
    drawing.write(4, 32, "success [% of units]", LIGHT["soft"])
    axes = drawing.add_panel(LEFT, top, wide, TALL)
    set_scale(axes, "x", (0.0, widest), write_hundredths, "duty: steps of the strong policy [%]")
    set_scale(axes, "y", heights, write_hundredths)
    for place, dash in ((target, (0, (5, 3))), (limit, (0, (2, 2)))):
        axes.axvline(place, color=LIGHT["ink"], linewidth=0.9, linestyle=dash, zorder=1)
    words = f"budget {format_percent(target, 0)}, at most {format_percent(limit)}"
    late = limit > 0.6 * widest
    write_at(axes, target if late else limit, heights[1], words, LIGHT["soft"],
             "right" if late else "left", (-4 if late else 4, 9))  # fmt: skip
    _draw_points(axes, part)
    labelled = [(axes, p) for p in part]
    if full:
        end = drawing.add_panel(LEFT + wide + 14, top, FULL, TALL)
        set_scale(end, "x", (0.96, 1.04), write_hundredths)
        set_scale(end, "y", heights, write_hundredths)
        end.set_xticks([1.0])
        end.spines["left"].set_visible(False)
        end.tick_params(axis="y", length=0, labelleft=False)
        _draw_points(end, full)
        labelled += [(end, p) for p in full]
    _draw_labels(drawing, labelled, heights, (LABELS, top), TALL)


def _draw_tried(drawing: Drawing, points: Sequence[_Point], top: float) -> None:
    duties = [p.duty.value for p in points]
    heights = _find_heights(points, intervals=False)
    drawing.write(4, top - 24, "Settings tried, on calibration units", size=TEXT, bold=True)
    drawing.write(4, top - 8, "success [% of units]", LIGHT["soft"])
    axes = drawing.add_panel(LEFT, top, SMALL_WIDE, SMALL_TALL)
    set_scale(axes, "x", find_range(duties, 0.04, 0.06, (0.0, 1.0)), write_hundredths,
              "duty: steps of the strong policy [%]")  # fmt: skip
    set_scale(axes, "y", heights, write_hundredths)
    _draw_points(axes, points, intervals=False)
    _draw_labels(drawing, [(axes, p) for p in points], heights, (SMALL_LABELS, top), SMALL_TALL)


def _find_heights(points: Sequence[_Point], intervals: bool = True) -> tuple[float, float]:
    values = [p.success.value for p in points]
    if intervals:
        values += [end for p in points for end in (p.success.ci.low, p.success.ci.high)]
    return find_range(values, 0.1, 0.04, (0.0, 1.0))


def _draw_points(axes: Axes, points: Sequence[_Point], intervals: bool = True) -> None:
    # What matters most is drawn last, on top.
    for point in sorted(points, key=lambda p: (p.bold, p.colour != LIGHT["soft"])):
        x, y, colour = point.duty.value, point.success.value, point.colour
        if intervals:
            _draw_span(axes, [x, x], point.success.ci, colour, upright=True)
            _draw_span(axes, [y, y], point.duty.ci, colour, upright=False)
        fill = LIGHT["paper"] if point.hollow else colour
        axes.plot([x], [y], "o", markersize=8 if point.bold else 6.5, markerfacecolor=fill,
                  markeredgecolor=colour, markeredgewidth=1.4, zorder=3, clip_on=False)  # fmt: skip


def _draw_span(axes: Axes, fixed: list[float], ci: Interval, colour: str, upright: bool) -> None:
    if not math.isfinite(ci.low + ci.high):
        return
    ends = [ci.low, ci.high]
    x, y = (fixed, ends) if upright else (ends, fixed)
    axes.plot(x, y, color=colour, linewidth=1.3, zorder=2)


def _draw_labels(
    drawing: Drawing,
    points: Sequence[tuple[Axes, _Point]],
    heights: tuple[float, float],
    at: tuple[float, float],
    tall: float,
) -> None:
    """Writes all labels in a column, from its left top on, each with a thin line to its point."""
    low, high = heights
    left, top = at
    wanted = [top + tall * (high - p.success.value) / (high - low) for _, p in points]
    for (axes, point), y in zip(
        points, spread_places(wanted, 16.5, top + 2, top + tall + 18), strict=True
    ):
        drawing.write(left + 6, y + 4, point.words, point.colour, size=SMALL, bold=point.bold)
        end = (left / drawing.width, 1 - y / drawing.height)
        axes.annotate(
            "", (point.duty.value, point.success.value), xytext=end, textcoords="figure fraction",
            arrowprops={"arrowstyle": "-", "color": LIGHT["faint"], "linewidth": 0.6,
                        "shrinkA": 0, "shrinkB": 5}, annotation_clip=False, zorder=1,
        )  # fmt: skip
