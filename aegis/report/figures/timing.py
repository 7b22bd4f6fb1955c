"""Timing: histograms of first hand-overs, held against the first mishaps of the reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from matplotlib.axes import Axes

from aegis.report.figures.drawing import (
    TEXT,
    Chart,
    Drawing,
    set_scale,
    shorten,
    write_at,
    write_whole,
)
from aegis.report.palette import LIGHT
from aegis.report.tables import Tables
from aegis.report.view import StudyView
from aegis.study.detection.handover_timing import first_strong_tick

BINS, TALL, GAP, TOP = 22, 78.0, 70.0, 34.0
LEFT, WIDE, RIGHT, SIDE = 40.0, 396.0, 492.0, 256.0


@dataclass(frozen=True, slots=True)
class _Times:
    """An arm's hand-overs in episodes that the reference fails.

    Attributes:
        arm: The arm.
        first: First ticks that the strong policy drove.
        leads: Tick of the mishap minus that of the hand-over, where both are known.
        failing: Episodes that the reference fails.
    """

    arm: str
    first: tuple[int, ...]
    leads: tuple[int, ...]
    failing: int


def draw_timing(view: StudyView) -> Chart | None:
    """Draws mishaps of the reference, then first hand-overs and leads of every scored arm."""
    tables, reference = view.tables, view.result.reference
    events, alone = tables.find_mishaps(), tables.index_arm(reference)
    arms = [_find_times(tables, reference, found.arm) for found in view.result.timing]
    arms = [times for times in arms if times.first]
    mishaps = [k for u, (_, k) in events.items() if u in alone and not alone[u].success]
    if not arms or not mishaps:
        return None
    drawing = Drawing(TOP + (len(arms) + 1) * (TALL + GAP) - 26)
    longest = float(max(row.steps for row in tables.episodes))
    far = max([10, *(abs(lead) for times in arms for lead in times.leads)]) * 1.02
    title = f"{shorten(reference, 90)} alone: first mishap in {len(mishaps)} failures"
    axes = _add_histogram(drawing, (LEFT, TOP, WIDE), title)
    _fill(axes, mishaps, (0.0, longest), LIGHT["orange"])
    for i, times in enumerate(arms):
        top, colour = TOP + (i + 1) * (TALL + GAP), view.colour_of(times.arm)
        words = f"first hand-over, {len(times.first)} of {times.failing} failures"
        axes = _add_histogram(drawing, (LEFT, top, WIDE), f"{shorten(times.arm, 110)}: {words}")
        _fill(axes, times.first, (0.0, longest), colour)
        _add_leads(drawing, times, top, far, colour)
    return drawing.finish(
        "timing",
        "First hand-overs and mishaps, by tick",
        "events.parquet and handover_k in episodes.parquet; quartiles in timing[]",
    )


def _find_times(tables: Tables, reference: str, arm: str) -> _Times:
    alone, events, mine = tables.index_arm(reference), tables.find_mishaps(), tables.index_arm(arm)
    failing = [u for u, row in alone.items() if not row.success and u in mine]
    first = {u: k for u in failing if (k := first_strong_tick(mine[u])) is not None}
    leads = tuple(events[u][1] - k for u, k in first.items() if u in events)
    return _Times(arm, tuple(first.values()), leads, len(failing))


def _add_histogram(drawing: Drawing, place: tuple[float, float, float], title: str) -> Axes:
    left, top, width = place
    drawing.write(left - 36, top - 12, title, size=TEXT, bold=True)
    return drawing.add_panel(left, top, width, TALL)


def _fill(axes: Axes, values: Sequence[int], ends: tuple[float, float], colour: str) -> None:
    """Draws a histogram of numbers of episodes, with its median."""
    edges = np.linspace(*ends, BINS + 1)
    counts, _ = np.histogram(values, edges)
    width = edges[1] - edges[0]
    axes.bar(edges[:-1], counts, width * 0.92, align="edge", color=colour, alpha=0.75)
    set_scale(axes, "x", ends, write_whole, "tick [control steps]", 6, grid=False)
    set_scale(axes, "y", (0, 1.25 * max(1, int(counts.max()))), write_whole, ticks=2)
    middle = median(values)
    axes.axvline(middle, 0, 0.98, color=LIGHT["ink"], linewidth=1.4)
    late = middle > (ends[0] + ends[1]) / 2
    write_at(axes, middle, axes.get_ylim()[1], f"median {write_whole(middle)}",
             align="right" if late else "left", shift=(-5 if late else 5, -7))  # fmt: skip


def _add_leads(drawing: Drawing, times: _Times, top: float, far: float, colour: str) -> None:
    before = sum(lead > 0 for lead in times.leads)
    title = f"lead: {before} of {len(times.leads)} before the mishap"
    axes = _add_histogram(drawing, (RIGHT, top, SIDE), title)
    if times.leads:
        _fill(axes, times.leads, (-far, far), colour)
    else:
        write_at(axes, 0, 0.5, "no lead is known", LIGHT["soft"], "center")
    set_scale(axes, "x", (-far, far), write_whole, "mishap minus hand-over [control steps]", 4,
              grid=False)  # fmt: skip
    axes.axvline(0, color=LIGHT["orange"], linewidth=1.6, linestyle=(0, (3, 2)))
