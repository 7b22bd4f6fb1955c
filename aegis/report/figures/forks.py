"""Forks: what a hand-over of everything was worth, by the tick at which it came."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

from matplotlib.axes import Axes

from aegis.report.figures.drawing import (
    TEXT,
    Chart,
    Drawing,
    set_scale,
    write_at,
    write_hundredths,
    write_whole,
)
from aegis.report.figures.places import find_range, spread_places
from aegis.report.palette import LIGHT
from aegis.report.view import StudyView
from aegis.study.analysis.fork_points import ForkPoint
from aegis.study.estimates import Share

TOP, TALL = 46.0, 240.0
Dash: TypeAlias = str | tuple[int, tuple[int, ...]]


def draw_forks(view: StudyView) -> Chart | None:
    """Draws outcomes after a hand-over, and the advantage of strong over fresh weak."""
    points = [point for point in view.result.forks if point.n]
    if not points:
        return None
    drawing = Drawing(TOP + TALL + 46)
    drawing.write(4, 16, "Outcome after a hand-over", size=TEXT, bold=True)
    drawing.write(4, 34, "[% of episodes]", LIGHT["soft"])
    _draw_outcomes(drawing.add_panel(42, TOP, 250, TALL), points)
    drawing.write(470, 16, "Advantage of strong over fresh weak", size=TEXT, bold=True)
    drawing.write(470, 34, "[pp]", LIGHT["soft"])
    _draw_advantage(drawing.add_panel(512, TOP, 228, TALL), points)
    return drawing.finish("forks", "What a hand-over is worth, by its tick", "forks[]")


def _draw_outcomes(axes: Axes, points: Sequence[ForkPoint]) -> None:
    _set_ticks(axes, points)
    set_scale(axes, "y", (0.0, 1.02), write_hundredths)
    lines: tuple[tuple[str, str, list[Share], Dash], ...] = (
        ("strong recovers: r", "green", [p.recovers for p in points], "-"),
        ("fresh weak recovers", "soft", [p.reseeded for p in points], (0, (4, 2))),
        ("weak would fail: p", "orange", [p.failing for p in points], (0, (2, 2))),
        ("strong disrupts: d", "vermillion", [p.disrupts for p in points], "-"),
    )
    labels = []
    for i, (words, colour, shares, dash) in enumerate(lines):
        known = [(p.k + 0.8 * (i - 1.5), s) for p, s in zip(points, shares, strict=True)]
        known = [(k, s) for k, s in known if s.of and math.isfinite(s.value)]
        if known:
            _draw_line(axes, known, LIGHT[colour], dash)
            labels.append((words, colour, known[-1][1].value))
    places = spread_places([y for *_, y in labels], 16 * 1.02 / TALL, 0.0, 1.02)
    for (words, colour, _), y in zip(labels, places, strict=True):
        ink = LIGHT["ink"] if colour == "orange" else LIGHT[colour]
        write_at(axes, axes.get_xlim()[1], y, words, ink, shift=(6, 0))


def _draw_line(
    axes: Axes,
    known: Sequence[tuple[float, Share]],
    colour: str,
    dash: Dash,
) -> None:
    for k, share in known:
        if math.isfinite(share.ci.low + share.ci.high):
            axes.plot([k, k], [share.ci.low, share.ci.high], color=colour, linewidth=1.3)
    xs, ys = [k for k, _ in known], [share.value for _, share in known]
    axes.plot(xs, ys, color=colour, linewidth=1.8, linestyle=dash)
    axes.plot(xs, ys, "o", color=colour, markersize=5, clip_on=False)


def _draw_advantage(axes: Axes, points: Sequence[ForkPoint]) -> None:
    known = [p for p in points if math.isfinite(p.advantage.value)]
    ends = [v for p in known for v in (p.advantage.value, p.advantage.ci.low, p.advantage.ci.high)]
    _set_ticks(axes, points)
    set_scale(axes, "y", find_range([0.0, *ends], 0.1), write_hundredths)
    axes.axhline(0, color=LIGHT["ink"], linewidth=1.1)
    for p in known:
        ci = p.advantage.ci
        if math.isfinite(ci.low + ci.high):
            axes.plot([p.k, p.k], [ci.low, ci.high], color=LIGHT["blue"], linewidth=1.6)
    axes.plot([p.k for p in known], [p.advantage.value for p in known], color=LIGHT["blue"])
    for p in known:
        fill = LIGHT["blue"] if p.pays else LIGHT["paper"]
        axes.plot([p.k], [p.advantage.value], "o", markersize=7, markerfacecolor=fill,
                  markeredgecolor=LIGHT["blue"], markeredgewidth=1.4, clip_on=False)  # fmt: skip


def _set_ticks(axes: Axes, points: Sequence[ForkPoint]) -> None:
    ends = find_range([float(p.k) for p in points], 10, 0.08)
    set_scale(axes, "x", ends, write_whole, "tick of the hand-over", 5, grid=False)
