"""Reliability: whether a risk of 30 % means that 30 % fail, and how often the alarm rang."""

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
from aegis.report.palette import LIGHT
from aegis.report.view import StudyView
from aegis.study.analysis.formatting import format_percent
from aegis.study.detection.detector_result import DetectorResult, RiskBin
from aegis.study.estimates import Share

TOP, TALL = 46.0, 250.0


def draw_reliability(view: StudyView) -> Chart | None:
    """Draws the calibration curve, and the share of episodes in which the alarm rang."""
    detector = view.result.detector
    if detector is None:
        return None
    bins = [b for b in detector.reliability if math.isfinite(b.mean_risk + b.failed.value)]
    if not bins:
        return None
    drawing = Drawing(TOP + TALL + 46)
    drawing.write(4, 16, "Risk and outcome", size=TEXT, bold=True)
    drawing.write(4, 34, "failed [% of the episodes in a bin]", LIGHT["soft"])
    _draw_curve(drawing.add_panel(46, TOP, 270, TALL), bins)
    drawing.write(400, 16, "Alarms of the published rule", size=TEXT, bold=True)
    _draw_alarms(drawing, view, detector)
    return drawing.finish(
        "reliability",
        "Reliability of the risk, and alarms at the threshold",
        "detector.reliability[], false_alarms and alarms",
        {"episodes": sum(b.failed.of for b in detector.reliability)},
    )


def _draw_curve(axes: Axes, bins: Sequence[RiskBin]) -> None:
    set_scale(axes, "x", (-0.02, 1.02), write_hundredths, "mean risk of the bin [%]")
    set_scale(axes, "y", (-0.02, 1.02), write_hundredths)
    axes.plot([0, 1], [0, 1], color=LIGHT["ink"], linewidth=1, linestyle=(0, (4, 3)))
    for found in bins:
        ci = found.failed.ci
        if math.isfinite(ci.low + ci.high):
            axes.plot([found.mean_risk] * 2, [ci.low, ci.high], color=LIGHT["blue"], linewidth=1.6)
    xs, ys = [b.mean_risk for b in bins], [b.failed.value for b in bins]
    axes.plot(xs, ys, "-o", color=LIGHT["blue"], linewidth=1.2, markersize=6.5, clip_on=False)


def _draw_alarms(drawing: Drawing, view: StudyView, detector: DetectorResult) -> None:
    axes = drawing.add_panel(520, TOP, 160, 140)
    axes.spines["left"].set_visible(False)
    axes.set_ylim(2, 0)
    axes.set_yticks([])
    set_scale(axes, "x", (0.0, 1.0), write_hundredths, "share of episodes [%]", 3)
    if math.isfinite(detector.alpha):
        axes.axvline(detector.alpha, color=LIGHT["ink"], linewidth=1, linestyle=(0, (4, 3)))
        words = f"set for {format_percent(detector.alpha, 0)}"
        write_at(axes, detector.alpha, 0, words, LIGHT["soft"], shift=(4, 7))
    name = shorten(view.result.reference, 60)
    rows = (
        ("solves", "false alarms", detector.false_alarms),
        ("fails", "true alarms", detector.alarms),
    )
    for i, (verb, kind, share) in enumerate(rows):
        drawing.write(400, TOP + 70 * i + 32, f"{name} {verb}:", LIGHT["soft"])
        drawing.write(400, TOP + 70 * i + 47, kind)
        _draw_share(axes, share, i + 0.5)


def _draw_share(axes: Axes, share: Share, y: float) -> None:
    if not share.of or not math.isfinite(share.value):
        write_at(axes, 0, y, "–", LIGHT["soft"], shift=(4, 0))
        return
    if math.isfinite(share.ci.low + share.ci.high):
        axes.plot([share.ci.low, share.ci.high], [y, y], color=LIGHT["vermillion"], linewidth=2.4)
    axes.plot([share.value], [y], "o", color=LIGHT["vermillion"], markersize=7, clip_on=False)
    write_at(axes, 1.0, y, format_percent(share.value), shift=(8, 0), size=TEXT)
