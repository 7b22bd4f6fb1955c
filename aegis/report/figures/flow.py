"""Flow: stacked bars of where the reference's successes and failures end up, arm by arm."""

from __future__ import annotations

from aegis.report.figures.drawing import (
    TEXT,
    WIDTH,
    Chart,
    Drawing,
    set_scale,
    shorten,
    write_at,
    write_whole,
)
from aegis.report.palette import LIGHT
from aegis.report.view import StudyView
from aegis.study.analysis.arm_results import ArmResult
from aegis.study.analysis.formatting import format_percent

ROW, TOP, LEFT, RIGHT = 26.0, 34.0, 128.0, 66.0
PARTS = ("kept", "recovered", "disrupted", "still failed")
COLOURS = dict(zip(PARTS, ("kept", "blue", "vermillion", "lost"), strict=True))


def draw_flow(view: StudyView) -> Chart | None:
    """Draws one bar for each arm, the recommended one first, then its rivals."""
    drawn = view.ordered_arms
    if not drawn:
        return None
    drawing = Drawing(TOP + ROW * len(drawn) + 46)
    drawing.add_band(TOP, ROW)
    axes = drawing.add_panel(LEFT, TOP, WIDTH - LEFT - RIGHT, ROW * len(drawn))
    axes.spines["left"].set_visible(False)
    axes.set_ylim(len(drawn), 0)
    axes.set_yticks([])
    most = max(1, *(arm.n for arm in drawn))
    set_scale(axes, "x", (0, most), write_whole, "units", grid=False)
    for i, arm in enumerate(drawn):
        bold = arm.name == view.result.recommended
        name = shorten(arm.name, LEFT - 10, TEXT)
        drawing.write(6, TOP + ROW * (i + 0.5) + 4.5, name, size=TEXT, bold=bold)
        start = 0
        for part, count in zip(PARTS, count_outcomes(arm), strict=True):
            axes.barh(i + 0.5, count, 0.66, start, color=LIGHT[COLOURS[part]])
            if count * (WIDTH - LEFT) / most > 30:
                ink = LIGHT["ink"] if part == "still failed" else LIGHT["paper"]
                write_at(axes, start + count / 2, i + 0.5, str(count), ink, "center")
            start += count
        drawing.write(WIDTH - 6, TOP + ROW * (i + 0.5) + 4.5, format_percent(arm.success.value),
                      align="right", bold=bold)  # fmt: skip
    drawing.write(WIDTH - 6, 18, "solved", LIGHT["soft"], "right")
    _write_key(drawing)
    source = "arms.*.recovered_count, recovered_of, disrupted_count and disrupted_of"
    return drawing.finish("flow", "Outcomes of the reference and of arms, paired", source)


def count_outcomes(arm: ArmResult) -> tuple[int, int, int, int]:
    """Returns units kept, recovered, disrupted and still failed; the first two are solved."""
    recovered, disrupted = arm.recovered.count, arm.disrupted.count
    return arm.disrupted.of - disrupted, recovered, disrupted, arm.recovered.of - recovered


def _write_key(drawing: Drawing) -> None:
    """Writes what the colours mean above the bars."""
    x = LEFT
    for part in PARTS:
        drawing.write(x, 18, "■", LIGHT[COLOURS[part]], size=TEXT + 2)
        drawing.write(x + 15, 18, part)
        x += 34 + 7.2 * len(part)
