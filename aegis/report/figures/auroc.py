"""AUROC: how well scores of failure rank failing episodes, window by window."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes

from aegis.report.figures.drawing import (
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
from aegis.study.detection.detector_result import DetectorResult, ScoreResult
from aegis.study.estimates import Estimate

TOP, TALL, LEFT, WIDE = 34.0, 252.0, (42.0, 422.0), 216.0
HUES = ("vermillion", "pink", "green", "orange")
DASHES = ((0, (5, 2)), (0, (2, 2)), (0, (7, 2, 2, 2)))


def draw_auroc(view: StudyView) -> Chart | None:
    """Draws AUROC by window within task and pooled, of scores of failure and of baselines."""
    detector = view.result.detector
    if detector is None:
        return None
    apart = [score.name for score in detector.scores if is_other_label(detector, score)]
    shown = [s for s in detector.scores if s.name not in apart and s.windows]
    if not shown:
        return None
    # Baselines first, the detector itself last, on top.
    shown.sort(key=lambda s: (not s.baseline, s.name == detector.name))
    drawing = Drawing(TOP + TALL + 46)
    ends = find_range([0.5, *_find_values(shown)], 0.2, 0.03, (0.0, 1.0))
    for left, within, title in zip(LEFT, (True, False), ("Within task", "Pooled"), strict=True):
        drawing.write(left - 36, 16, title, size=TEXT, bold=True)
        axes = drawing.add_panel(left, TOP, WIDE, TALL)
        _draw_panel(axes, detector, shown, within, ends)
    return drawing.finish(
        "auroc", "AUROC by window", "detector.scores[].windows[]", {"apart": apart}
    )


def is_other_label(detector: DetectorResult, score: ScoreResult) -> bool:
    """Says whether a score ranks failures low on purpose: it was fitted to another label.

    Such a score, of rescue say, is high where things go well. Its interval within task lies below
    one half in the early window.
    """
    early = [w.within_task for w in score.windows if w.window == detector.early]
    mine = score.name in (detector.name, detector.alarm)
    return not (mine or score.baseline) and any(found.ci.high < 0.5 for found in early)


def _find_values(scores: Sequence[ScoreResult]) -> list[float]:
    found = [e for s in scores for w in s.windows for e in (w.pooled, w.within_task)]
    return [end for e in found for end in (e.value, e.ci.low, e.ci.high)]


def _draw_panel(
    axes: Axes,
    detector: DetectorResult,
    scores: Sequence[ScoreResult],
    within: bool,
    ends: tuple[float, float],
) -> None:
    windows = sorted({w.window for s in scores for w in s.windows})
    room = 0.04 + 0.006 * len(scores)
    x_ends = (windows[0] - room, windows[-1] + room)
    set_scale(axes, "x", x_ends, write_hundredths, "first part of the horizon [%]", grid=False)
    set_scale(axes, "y", ends, lambda value: f"{value:g}")
    axes.set_xticks(windows)
    axes.axhline(0.5, color=LIGHT["ink"], linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    axes.axvspan(detector.early - room * 0.7, detector.early + room * 0.7, color=LIGHT["band"],
                 linewidth=0, zorder=0)  # fmt: skip
    labels: list[tuple[str, str, float, bool]] = []
    for i, score in enumerate(scores):
        # Side by side, or the intervals of one window would hide each other.
        shift = 0.006 * (i - (len(scores) - 1) / 2)
        colour, main = _find_colour(detector, score, i), score.name == detector.name
        last = _draw_score(axes, score, within, shift, (colour, main, i))
        if last is not None:
            labels.append((shorten(score.name, 108), colour, last, main))
    places = spread_places([y for _, _, y, _ in labels], 16 * (ends[1] - ends[0]) / TALL, *ends)
    for (words, colour, _, bold), y in zip(labels, places, strict=True):
        write_at(axes, x_ends[1], y, words, colour, shift=(6, 0), bold=bold)


def _draw_score(
    axes: Axes, score: ScoreResult, within: bool, shift: float, look: tuple[str, bool, int]
) -> float | None:
    """Draws one score; returns the height at which it ends, None if it is not known."""
    colour, main, number = look
    path = []
    for window in score.windows:
        found: Estimate = window.within_task if within else window.pooled
        if not math.isfinite(found.value):
            continue
        path.append((window.window + shift, found.value))
        if math.isfinite(found.ci.low + found.ci.high):
            axes.plot([path[-1][0]] * 2, [found.ci.low, found.ci.high], color=colour, linewidth=1.3)
    if not path:
        return None
    dash = "-" if main or not score.baseline else DASHES[number % len(DASHES)]
    xs, ys = zip(*path, strict=True)
    axes.plot(xs, ys, color=colour, linewidth=2.4 if main else 1.4, linestyle=dash)
    axes.plot(xs, ys, "o", color=colour, markersize=6.5 if main else 4.5)
    return float(ys[-1])


def _find_colour(detector: DetectorResult, score: ScoreResult, number: int) -> str:
    if score.name == detector.name:
        return LIGHT["blue"]
    return LIGHT["soft"] if score.baseline else LIGHT[HUES[number % len(HUES)]]
