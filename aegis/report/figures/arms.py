"""Arms: forest plot of what every arm recovers, disrupts and costs."""

from __future__ import annotations

from aegis.report.figures.drawing import Chart, shorten, write_hundredths
from aegis.report.figures.forest import Dot, Panel, Row, draw_forest
from aegis.report.view import StudyView
from aegis.study.analysis.formatting import format_percent
from aegis.study.estimates import Estimate, Share


def draw_arms(view: StudyView) -> Chart | None:
    """Draws recovered, disrupted and duty of every arm but the reference."""
    drawn = view.ordered_arms
    if not drawn:
        return None
    name = view.result.recommended
    rows = [Row(arm.name, view.colour_of(arm.name), arm.name == name) for arm in drawn]
    failed, solved = drawn[0].recovered.of, drawn[0].disrupted.of
    reference = shorten(view.result.reference, 60)
    panels = [
        Panel(
            "Recovered",
            f"of {failed} that {reference} fails [%]",
            tuple(_dot(arm.recovered) for arm in drawn),
            write_hundredths,
            within=(0.0, 1.0),
        ),
        Panel(
            "Disrupted",
            f"of {solved} that {reference} solves [%]",
            tuple(_dot(arm.disrupted) for arm in drawn),
            write_hundredths,
            within=(0.0, 1.0),
        ),
        Panel(
            "Duty",
            "strong policy, of all steps [%]",
            tuple(None if view.is_placebo(arm) else _dot(arm.duty) for arm in drawn),
            write_hundredths,
            within=(0.0, 1.0),
        ),
    ]
    return draw_forest(rows, panels).finish(
        "arms", "Recovered, disrupted and duty, by arm", "arms.*.recovered, disrupted and duty"
    )


def _dot(found: Share | Estimate) -> Dot | None:
    if isinstance(found, Share) and not found.of:
        return None
    return Dot(found.value, found.ci, format_percent(found.value))
