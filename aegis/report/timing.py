"""Timing: figures of when arms handed over against what went wrong, and what a tick was worth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from aegis.report.axis import Scale, bottom, hundredths, left, reach, spread, whole
from aegis.report.canvas import (
    BLUE,
    GREEN,
    INK,
    ORANGE,
    SMALL,
    SOFT,
    VERMILLION,
    Canvas,
    shorten,
)
from aegis.report.document import Figure, code
from aegis.report.ladder import WIDTH
from aegis.report.palette import hue
from aegis.report.tables import Tables
from aegis.study.analysis.fork_points import ForkPoint
from aegis.study.analysis.study_result import StudyResult
from aegis.study.detection.handover_timing import first_strong_tick
from aegis.study.estimates import Share

BINS = 22
LEFT, RIGHT, TALL, GAP = 20.0, 424.0, 92.0, 36.0


@dataclass(frozen=True, slots=True)
class _Times:
    """An arm's hand-overs in episodes that the reference fails.

    Attributes:
        arm: The arm.
        fires: First ticks driven by the strong policy.
        leads: Tick of the mishap minus that of the hand-over, where both are known.
        failing: Episodes that the reference fails.
    """

    arm: str
    fires: tuple[int, ...]
    leads: tuple[int, ...]
    failing: int


def timing(result: StudyResult, tables: Tables) -> Figure | None:
    """Draws first hand-overs of arms beside the mishaps of the reference."""
    events = tables.failures()
    arms = [_times(tables, result.reference, found.arm) for found in result.timing]
    arms = [times for times in arms if times.fires][:3]
    alone = tables.of(result.reference)
    mishaps = [k for u, (_, k) in events.items() if u in alone and not alone[u].success]
    if not arms or not mishaps:
        return None
    longest = max(row.steps for row in tables.episodes)
    rows = len(arms) + 1
    canvas = Canvas(WIDTH, 26 + rows * (TALL + GAP) + 40, "First hand-overs and mishaps, by tick")
    x = Scale(0.0, float(longest), LEFT, RIGHT)
    far = max([10, *(abs(lead) for times in arms for lead in times.leads)]) * 1.02
    lead = Scale(-far, far, 462, 690)
    words = f"{shorten(result.reference, 100)} alone: first mishap ({len(mishaps)} failures)"
    _histogram(canvas, mishaps, x, 30.0, ORANGE, words)
    foot = 30.0 + rows * (TALL + GAP) - GAP + 24
    for i, times in enumerate(arms):
        top = 30.0 + (i + 1) * (TALL + GAP)
        colour = hue(result, times.arm)
        words = (
            f"{shorten(times.arm, 130)}: first hand-over ({len(times.fires)} of {times.failing})"
        )
        _histogram(canvas, times.fires, x, top, colour, words)
        _leads(canvas, times, lead, top, colour)
    bottom(canvas, x, foot, "tick [control steps]", whole)
    bottom(canvas, lead, foot, "lead [control steps]", whole, None, 4)
    return Figure(
        "timing",
        canvas,
        f"Episodes that {code(result.reference)} fails. Left: number of episodes by tick of "
        "their first mishap (orange) and of the first hand-over of an arm on the same unit; the "
        "line marks the median. Right: lead, that is mishap minus hand-over, where both are "
        "known; right of the line the arm was there first: it predicted, and did not only notice.",
        "events.parquet and handover_k in episodes.parquet; quartiles: timing[].",
    )


def forks(result: StudyResult) -> Figure | None:
    """Draws what a hand-over of everything was worth, by tick."""
    points = [p for p in result.forks if p.n]
    if not points:
        return None
    canvas = Canvas(WIDTH, 336, "What a hand-over is worth, by its tick")
    x1, x2 = _ticks(points, 52, 292), _ticks(points, 462, 630)
    y = Scale(0.0, 1.0, 284, 40)
    canvas.title_line((8, 18), "Outcome after a hand-over", "[% of episodes]")
    left(canvas, y, 44, "", hundredths, 300)
    lines = (
        ("strong recovers: r", GREEN, [p.recovers for p in points], ""),
        ("fresh weak recovers", SOFT, [p.reseeded for p in points], "6 3"),
        ("weak would fail: p", ORANGE, [p.failing for p in points], "2 3"),
        ("strong disrupts: d", VERMILLION, [p.disrupts for p in points], ""),
    )
    ends = []
    for i, (words, colour, shares, dash) in enumerate(lines):
        pairs = zip(points, shares, strict=True)
        known = [(p, s) for p, s in pairs if math.isfinite(s.value)]
        if known:
            shift = 2.4 * (i - 1.5)
            _shares(canvas, [(x1(p.k) + shift, s) for p, s in known], y, colour, dash)
            ends.append((words, colour, y(known[-1][1].value)))
    heights = spread([height for _, _, height in ends], 17, 40, 284)
    for (words, colour, _), height in zip(ends, heights, strict=True):
        canvas.text((304, height + 4), words, colour, size=SMALL)
    bottom(canvas, x1, 284, "tick of the hand-over", whole, None, 4)
    _advantage(canvas, points, x2)
    return Figure(
        "forks",
        canvas,
        "The fork set: states of weak episodes, restored at a tick; from there the strong policy "
        "plays to the end, or the weak one with fresh noise. Left: r, strong's success where weak "
        "fails; the same for fresh weak; p, share of the episodes still running that weak fails; "
        "d, strong's failure where weak succeeds. Right: advantage, success of strong minus that "
        "of fresh weak, over all episodes still running; filled where intervening pays, p > "
        "d / (r + d). Lines: 95 % intervals.",
        "forks[].",
    )


def _times(tables: Tables, reference: str, arm: str) -> _Times:
    alone, events = tables.of(reference), tables.failures()
    mine = tables.of(arm)
    failing = [u for u, row in alone.items() if not row.success and u in mine]
    first = {u: k for u in failing if (k := first_strong_tick(mine[u])) is not None}
    leads = tuple(events[u][1] - k for u, k in first.items() if u in events)
    return _Times(arm, tuple(first.values()), leads, len(failing))


def _histogram(
    canvas: Canvas, values: Sequence[int], x: Scale, top: float, colour: str, words: str
) -> None:
    """Draws a histogram; its tallest bar has a number, which is all that a reader needs."""
    step = (x.high - x.low) / BINS
    counts = [0] * BINS
    for value in values:
        counts[min(BINS - 1, max(0, int((value - x.low) / step)))] += 1
    most = max([1, *counts])
    foot = top + TALL
    for i, count in enumerate(counts):
        start = x(x.low + i * step)
        high = (TALL - 30) * count / most
        if count:
            width = (x.stop - x.start) / BINS - 1
            canvas.rect(start, foot - high, width, high, colour, 0.75)
    peak = counts.index(most)
    middle = x(x.low + (peak + 0.5) * step)
    canvas.text((middle, foot - TALL + 26), str(most), SOFT, "middle", SMALL)
    canvas.line((x.start, foot), (x.stop, foot), "#9a9a9a")
    canvas.text((x.start, top + 4), words, INK, size=SMALL, bold=True)
    if values:
        ordered = sorted(values)
        median = (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2
        place = x(median)
        canvas.line((place, foot - TALL + 30), (place, foot + 4), INK, 1.4)
        canvas.text((place, foot + 16), f"median {whole(median)}", INK, "middle", SMALL)


def _leads(canvas: Canvas, times: _Times, x: Scale, top: float, colour: str) -> None:
    if not times.leads:
        canvas.text((x.start, top + TALL - 8), "no lead is known", SOFT, size=SMALL)
        return
    before = sum(lead > 0 for lead in times.leads)
    words = f"{before} of {len(times.leads)} before the mishap"
    _histogram(canvas, times.leads, x, top, colour, words)
    canvas.line((x(0), top + 24), (x(0), top + TALL), VERMILLION, 1.4, "3 2")


def _ticks(points: Sequence[ForkPoint], start: float, stop: float) -> Scale:
    low, high = reach([float(p.k) for p in points], 10, 0.08)
    return Scale(low, high, start, stop)


def _shares(
    canvas: Canvas, points: Sequence[tuple[float, Share]], y: Scale, colour: str, dash: str
) -> None:
    for x, share in points:
        canvas.span((x, y(share.ci.low)), (x, y(share.ci.high)), colour)
    if len(points) > 1:
        canvas.curve([(x, y(share.value)) for x, share in points], colour, 1.8, dash)
    for x, share in points:
        canvas.dot((x, y(share.value)), colour, 3)


def _advantage(canvas: Canvas, points: Sequence[ForkPoint], x: Scale) -> None:
    known = [p for p in points if math.isfinite(p.advantage.value)]
    ends = [v for p in known for v in (p.advantage.value, p.advantage.ci.low, p.advantage.ci.high)]
    low, high = reach([0.0, *ends], 0.1)
    y = Scale(low, high, 284, 40)
    canvas.title_line((430, 18), "Advantage of strong", "[pp]")
    left(canvas, y, 458, "", hundredths, 690)
    canvas.line((458, y(0)), (690, y(0)), INK, 1.2)
    bottom(canvas, x, 284, "tick of the hand-over", whole, None, 4)
    for p in known:
        flanks = (x(p.k), y(p.advantage.ci.low)), (x(p.k), y(p.advantage.ci.high))
        canvas.span(*flanks, BLUE, 1.6)
    if len(known) > 1:
        canvas.curve([(x(p.k), y(p.advantage.value)) for p in known], BLUE, 1.6)
    for p in known:
        canvas.dot((x(p.k), y(p.advantage.value)), BLUE, 4.2, hollow=not p.pays)
