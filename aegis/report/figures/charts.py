"""Charts: all figures of a study, drawn in one style."""

from __future__ import annotations

from collections.abc import Callable

from aegis.report.figures.arms import draw_arms
from aegis.report.figures.auroc import draw_auroc
from aegis.report.figures.contrasts import draw_contrasts
from aegis.report.figures.drawing import Chart, use_style
from aegis.report.figures.flow import draw_flow
from aegis.report.figures.forks import draw_forks
from aegis.report.figures.frontier import draw_frontier
from aegis.report.figures.reliability import draw_reliability
from aegis.report.figures.tasks import draw_tasks
from aegis.report.figures.timing import draw_timing
from aegis.report.figures.traces import draw_traces
from aegis.report.view import StudyView

FIGURES: tuple[Callable[[StudyView], Chart | None], ...] = (
    draw_contrasts,
    draw_arms,
    draw_flow,
    draw_tasks,
    draw_frontier,
    draw_auroc,
    draw_reliability,
    draw_traces,
    draw_timing,
    draw_forks,
)


def draw_charts(view: StudyView) -> dict[str, Chart]:
    """Draws every figure that a study has something for, by name."""
    with use_style():
        drawn = [draw(view) for draw in FIGURES]
    return {chart.name: chart for chart in drawn if chart is not None}
