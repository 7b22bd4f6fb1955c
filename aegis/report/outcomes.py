"""Outcomes: figures of what arms recovered, what they disrupted, and against whom."""

from __future__ import annotations

from collections.abc import Sequence

from aegis.report.axis import hundredths
from aegis.report.canvas import BLUE, INK, SMALL, SOFT, VERMILLION, Canvas, shorten
from aegis.report.document import Figure, code
from aegis.report.ladder import WIDTH, Dot, Panel, Rung, ladder
from aegis.report.palette import hue, leading, main_arms, rung
from aegis.report.tables import Tables, instructions
from aegis.study.analysis.arm_results import ArmResult
from aegis.study.analysis.contrast_result import ContrastResult, TaskDifference
from aegis.study.analysis.formatting import NO_BREAK_SPACE, format_percent, format_points
from aegis.study.analysis.study_result import StudyResult
from aegis.study.estimates import Estimate, Share

KEPT, LOST, WON = "#e3e3e3", "#f2b48e", "#8fc1e3"
BAR, TALL, ACROSS, DOWN = 12.0, 120.0, 3, 196.0


def arms(result: StudyResult) -> Figure | None:
    """Draws recovered and disrupted of every arm but the reference."""
    drawn = [arm for arm in result.arms if arm.name != result.reference]
    if not drawn:
        return None
    lost, kept = drawn[0].recovered.of, drawn[0].disrupted.of
    panels = [
        Panel(
            "Recovered",
            f"of the {lost} units that {shorten(result.reference, 90)} fails [%]",
            tuple(_share(arm.recovered) for arm in drawn),
            hundredths,
            within=(0.0, 1.0),
        ),
        Panel(
            "Disrupted",
            f"of the {kept} that it solves [%]",
            tuple(_share(arm.disrupted) for arm in drawn),
            hundredths,
            within=(0.0, 1.0),
        ),
    ]
    canvas = ladder(
        "Recovered and disrupted, by arm", [rung(result, arm.name) for arm in drawn], panels
    )
    return Figure(
        "arms",
        canvas,
        f"What each arm wins and what it costs. Left, more is better: units that "
        f"{code(result.reference)} fails and the arm solves. Right, less is better: units that "
        f"{code(result.reference)} solves and the arm fails. The two panels have their own "
        "scales. Dots are shares, lines 95 % intervals; "
        f"the recommended arm, {code(result.recommended)}, is in blue.",
        "arms.*.recovered and arms.*.disrupted.",
    )


def contrasts(result: StudyResult) -> Figure | None:
    """Draws the differences that the plan asked about."""
    drawn = leading(result)
    if not drawn:
        return None
    rungs = [Rung(_against(c), hue(result, c.arm), c.passed) for c in drawn]
    ask = [_margin(c) for c in drawn]
    note = "Exploratory: not corrected for the number of contrasts."
    if drawn[0].is_primary:
        note = "Shaded rows: the claim holds after the correction for several contrasts."
    panels = [
        Panel(
            "All units",
            "difference in success [pp]",
            tuple(_points(c.difference) for c in drawn),
            hundredths,
            0.0,
        ),
        Panel(
            f"Units that {shorten(result.reference, 90)} fails",
            "difference in recovered-task rate [pp]",
            tuple(_points(c.recovered_difference) for c in drawn),
            hundredths,
            0.0,
        ),
    ]
    canvas = ladder("Differences between arms, with intervals", rungs, panels)
    return Figure(
        "contrasts",
        canvas,
        "Difference of the first arm to the second on the same units, with 95 % BCa intervals; "
        f"right of the line the first arm is better. {note}{''.join(ask)}",
        "contrasts[].difference and contrasts[].recovered_difference.",
    )


def flow(result: StudyResult) -> Figure | None:
    """Draws where the reference's failures and successes end up, arm by arm."""
    drawn = main_arms(result, 6)
    if not drawn:
        return None
    lines = -(-len(drawn) // ACROSS)
    canvas = Canvas(WIDTH, DOWN * lines - 6, "Outcomes of the reference and of arms, paired")
    for i, arm in enumerate(drawn):
        wide = WIDTH / ACROSS
        _flow(canvas, result, arm, (i % ACROSS) * wide, DOWN * (i // ACROSS))
    return Figure(
        "flow",
        canvas,
        f"The same units under {code(result.reference)} (left edge) and under the arm (right "
        "edge); heights are numbers of units. Blue: failed before, solved now (recovered). "
        "Orange: solved before, failed now (disrupted). Grey: as before.",
        "arms.*.recovered_count, arms.*.disrupted_count and what they are counts of.",
    )


def tasks(result: StudyResult, tables: Tables) -> Figure | None:
    """Draws the primary contrasts task by task."""
    drawn = [c for c in leading(result) if c.arm == result.recommended] or list(leading(result))
    drawn = [c for c in drawn if c.per_task][:3]
    if not drawn:
        return None
    told = instructions(tables.episodes)
    numbers = sorted({t.task for c in drawn for t in c.per_task})
    rungs = [Rung("all tasks", BLUE, True)]
    rungs += [Rung(_task(number, told, len(numbers)), SOFT) for number in numbers]
    panels = [
        Panel(
            shorten(c.against, 128),
            "difference [pp]",
            (_points(c.difference), *_by_task(c.per_task, numbers)),
            hundredths,
            0.0,
        )
        for c in drawn
    ]
    arm = drawn[0].arm
    return Figure(
        "tasks",
        ladder(f"Difference in success of {arm}, task by task", rungs, panels, True),
        f"Difference in success of {code(arm)} to the arm above each panel, all units of a task, "
        "with 95 % intervals; right of the line it is better. Tasks are named by the words in "
        "which their instructions differ. No task was tested alone: intervals are not corrected.",
        "contrasts[].per_task.",
    )


def _against(contrast: ContrastResult) -> str:
    return f"{contrast.arm} − {contrast.against}"


def _margin(contrast: ContrastResult) -> str:
    if contrast.alternative != "noninferior" or contrast.margin is None:
        return ""
    return (
        f" {code(contrast.arm)} against {code(contrast.against)} asks only that it is not worse "
        f"by {100 * contrast.margin:g} pp or more."
    )


def _share(share: Share) -> Dot | None:
    return Dot(share.value, share.ci, format_percent(share.value)) if share.of else None


def _points(estimate: Estimate) -> Dot:
    words = format_points(estimate.value).removesuffix(f"{NO_BREAK_SPACE}pp")
    return Dot(estimate.value, estimate.ci, words)


def _by_task(found: Sequence[TaskDifference], numbers: Sequence[int]) -> list[Dot | None]:
    known = {task.task: task for task in found}
    return [_points(known[n].difference) if n in known else None for n in numbers]


def _task(number: int, told: dict[int, str], of: int) -> str:
    words = told.get(number, "") if of > 1 else ""
    return f"{number}  {words}".strip()


def _flow(canvas: Canvas, result: StudyResult, arm: ArmResult, x: float, y: float) -> None:
    left, right = x + 46, x + WIDTH / ACROSS - 64
    won, lost = arm.recovered.count, arm.disrupted.count
    failed, solved = arm.recovered.of - won, arm.disrupted.of - lost
    units = max(1, won + lost + failed + solved)
    high = TALL / units
    top = y + 44
    canvas.text((x + 6, y + 16), shorten(arm.name, 200), hue(result, arm.name), bold=True)
    canvas.text((left + BAR, y + 36), "alone", SOFT, "end", SMALL)
    canvas.text((right, y + 36), "with help", SOFT, "start", SMALL)
    # Left, from the top: solved and kept, solved and lost, failed and won, failed for good.
    cells = ((solved, KEPT, 0), (lost, LOST, 2), (won, WON, 1), (failed, KEPT, 3))
    order = (solved, won, lost, failed)
    start = top
    for count, colour, place in cells:
        end = top + high * sum(order[:place])
        if count:
            edges = (start, start + high * count), (end, end + high * count)
            canvas.ribbon(*edges, (left + BAR, right), colour)
        start += high * count
    for at, parts in (
        (left, (solved + lost, won + failed)),
        (right, (solved + won, lost + failed)),
    ):
        canvas.rect(at, top, BAR, high * parts[0], INK)
        canvas.rect(at, top + high * parts[0], BAR, high * parts[1], "#a8a8a8")
    _flow_words(canvas, (left, right), top, high, (solved, lost, won, failed))


def _flow_words(
    canvas: Canvas,
    edges: tuple[float, float],
    top: float,
    high: float,
    cells: tuple[int, int, int, int],
) -> None:
    solved, lost, won, failed = cells
    left, right = edges
    for count, y, name in (
        (solved + lost, top + high * (solved + lost) / 2, "solved"),
        (won + failed, top + high * (solved + lost + (won + failed) / 2), "failed"),
    ):
        canvas.text((left - 5, y), str(count), INK, "end", SMALL)
        canvas.text((left - 5, y + 13), name, SOFT, "end", SMALL - 1)
    canvas.text((right + BAR + 5, top + 11), str(solved + won), INK, size=SMALL)
    canvas.text((right + BAR + 5, top + 24), "solved", SOFT, size=SMALL - 1)
    places = [top + high * (solved + won / 2), top + high * (solved + won + lost / 2)]
    above = max(places[0] + 4, top + 42)
    below = max(places[1] + 4, above + 15)
    canvas.text((right + BAR + 5, above), f"+{won}", BLUE, size=SMALL, bold=True)
    canvas.text((right + BAR + 5, below), f"−{lost}", VERMILLION, size=SMALL, bold=True)
