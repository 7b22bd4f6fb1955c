"""Contrasts: forest plot of the differences that the plan asked about, the hardest first."""

from __future__ import annotations

from aegis.report.figures.drawing import Chart, shorten, write_hundredths
from aegis.report.figures.forest import Dot, Panel, Row, draw_forest
from aegis.report.view import StudyView
from aegis.stats.intervals import Interval
from aegis.study.analysis.contrast_result import ContrastResult
from aegis.study.analysis.formatting import NO_BREAK_SPACE, format_interval, format_points
from aegis.study.estimates import Estimate


def draw_contrasts(view: StudyView) -> Chart | None:
    """Draws all planned contrasts: over all units, and over those that the reference fails."""
    drawn = view.drawn_contrasts
    if not drawn:
        return None
    first = len(view.primary) if view.primary else -1
    rows = [
        Row(name_contrast(c), view.colour_of(c.arm), c == view.rival, 0 < i == first)
        for i, c in enumerate(drawn)
    ]
    failing = shorten(view.result.reference, 90)
    panels = [
        Panel(
            "All units (primary)",
            "difference in success [pp]",
            tuple(_dot(c.difference, c.difference_tasks) for c in drawn),
            write_hundredths,
            0.0,
        ),
        Panel(
            f"Units that {failing} fails",
            "difference in recovered-task rate [pp]",
            tuple(_dot(c.recovered_difference) for c in drawn),
            write_hundredths,
            0.0,
        ),
    ]
    return draw_forest(rows, panels).finish(
        "contrasts",
        "Differences between arms, with intervals",
        "contrasts[].difference, difference_tasks and recovered_difference",
    )


def name_contrast(contrast: ContrastResult) -> str:
    """Returns the two arms of a contrast as a difference."""
    return f"{contrast.arm} − {contrast.against}"


def _dot(found: Estimate, tasks: Interval | None = None) -> Dot:
    value = format_points(found.value).removesuffix(f"{NO_BREAK_SPACE}pp")
    return Dot(
        found.value, found.ci, f"{value} {format_interval(found.ci, sign=True)}".strip(), tasks
    )
