"""Tasks: forest plots of every planned contrast task by task, the hardest first."""

from __future__ import annotations

from collections.abc import Sequence

from aegis.report.figures.drawing import (
    SMALL,
    TEXT,
    WIDTH,
    Chart,
    Drawing,
    shorten,
    write_hundredths,
)
from aegis.report.figures.forest import Dot, Panel, Row, draw_rows, find_dot_range
from aegis.report.palette import LIGHT
from aegis.report.tables import list_task_words
from aegis.report.view import StudyView
from aegis.study.analysis.contrast_result import ContrastResult
from aegis.study.estimates import Estimate

ACROSS, NAMES, ROW, GAP, TOP = 4, 196.0, 18.0, 76.0, 44.0


def draw_tasks(view: StudyView) -> Chart | None:
    """Draws one small panel for each planned contrast."""
    drawn = [contrast for contrast in view.drawn_contrasts if contrast.per_task]
    if not drawn:
        return None
    numbers = sorted({t.task for c in drawn for t in c.per_task})
    words = list_task_words(view.tables.episodes) if len(numbers) > 1 else {}
    names = ["all tasks", *(f"{n}  {words.get(n, '')}".strip() for n in numbers)]
    rows = [Row(names[0], shaded=True), *(Row(name) for name in names[1:])]
    panels = [_panel(view, contrast, numbers) for contrast in drawn]
    lines = -(-len(panels) // ACROSS)
    tall = ROW * len(rows) + GAP
    drawing = Drawing(TOP + lines * tall - 24)
    ends = find_dot_range(panels)
    for line in range(lines):
        top = TOP + line * tall
        drawing.add_band(top, ROW)
        for i, row in enumerate(rows):
            name = shorten(row.name, NAMES - 8)
            drawing.write(6, top + ROW * (i + 0.5) + 4, name, bold=row.shaded)
        for i, panel in enumerate(panels[line * ACROSS : (line + 1) * ACROSS]):
            wide = (WIDTH - NAMES) / ACROSS
            draw_rows(drawing, rows, panel, (NAMES + i * wide, top), wide, ROW, ends)
    facts = {"count": len(drawn), "arms": sorted({c.arm for c in drawn})}
    return drawing.finish("tasks", "Differences task by task", "contrasts[].per_task", facts)


def _panel(view: StudyView, contrast: ContrastResult, numbers: Sequence[int]) -> Panel:
    known = {task.task: task for task in contrast.per_task}
    dots = [_dot(known[n].difference) if n in known else None for n in numbers]
    mine = contrast.arm == view.result.recommended
    title = f"− {contrast.against}" if mine else f"{contrast.arm} − {contrast.against}"
    title += "" if contrast.is_primary or not view.primary else " *"
    words = shorten(title, (WIDTH - NAMES) / ACROSS - 14, TEXT + (SMALL - TEXT) / 2)
    return Panel(words, "[pp]", (_dot(contrast.difference), *dots), write_hundredths, 0.0)


def _dot(found: Estimate) -> Dot:
    """Colours a dot by the side of zero on which its interval lies."""
    colour = LIGHT["soft"]
    if found.ci.low > 0:
        colour = LIGHT["blue"]
    elif found.ci.high < 0:
        colour = LIGHT["vermillion"]
    return Dot(found.value, found.ci, colour=colour)
