"""Frontier: the figure of success against duty, for all gates and settings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from aegis.report.axis import Scale, bottom, hundredths, left, reach, spread
from aegis.report.canvas import FAINT, GREEN, INK, SMALL, SOFT, VERMILLION, Canvas, shorten
from aegis.report.document import Figure, code
from aegis.report.ladder import WIDTH
from aegis.report.palette import STRONG, hue, named
from aegis.study.analysis.arm_results import ArmResult
from aegis.study.analysis.formatting import format_percent
from aegis.study.analysis.frontier_points import FrontierPoint
from aegis.study.analysis.study_result import StudyResult
from aegis.study.estimates import Estimate, Share

TOP, FOOT, LEFT, RIGHT, TALL = 40.0, 396.0, 52.0, 478.0, 446.0
DASHES = ("6 3", "2 3", "8 3 2 3", "4 2")
SPAN = 0.05
"""Range of duty that settings must cover to be joined by a line."""


@dataclass(frozen=True, slots=True)
class _Gate:
    """A gate: what it came to on test units, and its other settings in order of duty."""

    name: str
    duty: Estimate
    success: Share
    tried: tuple[FrontierPoint, ...]
    colour: str
    bold: bool


def frontier(result: StudyResult) -> Figure | None:
    """Draws success against duty; the strong policy alone is a level line, its duty being 1."""
    gates = _gates(result)
    if not gates:
        return None
    canvas = Canvas(WIDTH, TALL, "Success against duty, by gate")
    strong = named(result, STRONG)
    strong = strong if strong is not None and math.isfinite(strong.success.value) else None
    x, y = _scales(result, gates, strong)
    bottom(canvas, x, FOOT, "duty: steps under the strong policy [% of all steps]", hundredths, TOP)
    left(canvas, y, LEFT, "success [% of units]", hundredths, RIGHT)
    if strong is not None:
        low, high = y(strong.success.ci.low), y(strong.success.ci.high)
        if math.isfinite(low + high):
            canvas.rect(LEFT, high, RIGHT - LEFT, low - high, GREEN, 0.13)
        level = y(strong.success.value)
        canvas.line((LEFT, level), (RIGHT, level), GREEN, 1.6)
    _budget(canvas, result, x)
    for i, gate in enumerate(gates):
        _settings(canvas, gate, x, y, DASHES[i % len(DASHES)])
    for gate in gates:
        _cross(canvas, gate, x, y)
    _labels(canvas, gates, strong, x, y)
    return Figure(
        "frontier",
        canvas,
        "Success of every arm at the duty that it had on test units: full dots, with 95 % "
        "intervals of both as crosses. Rings: other settings of a gate, played on calibration "
        "units; bands are their 95 % intervals. Two gates may be compared only at the same duty, "
        "that is one above the other. Level line and band: the strong policy alone, at duty "
        f"100 %. The recommended arm, {code(result.recommended)}, is in blue. An oracle that is no "
        "arm of the table is shown on the units that were forked.",
        "frontier[]; arms that are not in it, from arms.*.",
    )


def _gates(result: StudyResult) -> list[_Gate]:
    settings: dict[str, list[FrontierPoint]] = {arm.name: [] for arm in result.arms}
    for point in result.frontier:
        settings.setdefault(point.gate, []).append(point)
    settings.pop(STRONG, None)
    found = []
    for name, points in settings.items():
        arm = named(result, name)
        known = sorted(
            (p for p in points if math.isfinite(p.duty.value + p.success.value)),
            key=lambda p: (p.duty.value, p.success.value),
        )
        if arm is None and not known:
            continue
        at = FrontierPoint(name, "", arm.duty, arm.success) if arm is not None else known[-1]
        if not math.isfinite(at.duty.value + at.success.value):
            continue
        tried = tuple(p for p in known if (p.duty, p.success) != (at.duty, at.success))
        bold = name == result.recommended
        found.append(_Gate(name, at.duty, at.success, tried, hue(result, name), bold))
    # What matters most is drawn last, on top.
    return sorted(found, key=lambda g: (g.bold, g.colour != SOFT))


def _scales(
    result: StudyResult, gates: Sequence[_Gate], strong: ArmResult | None
) -> tuple[Scale, Scale]:
    duties = [end for g in gates for end in (g.duty.value, g.duty.ci.high)]
    rates = [end for g in gates for end in (g.success.ci.low, g.success.ci.high)]
    for point in (p for g in gates for p in g.tried):
        duties.append(point.duty.value)
        rates.append(point.success.value)
    if strong is not None:
        rates += [strong.success.ci.low, strong.success.ci.high]
    duties += [arm.duty_target for arm in result.arms if arm.duty_target is not None]
    _, widest = reach([0.0, *duties], 0.1, 0.04, (0.0, 1.0))
    low, high = reach(rates, 0.1, 0.03, (0.0, 1.0))
    return Scale(0.0, widest, LEFT, RIGHT), Scale(low, high, FOOT, TOP)


def _budget(canvas: Canvas, result: StudyResult, x: Scale) -> None:
    arm = named(result, result.recommended)
    if arm is None or arm.duty_target is None:
        return
    place = x(arm.duty_target)
    canvas.line((place, TOP), (place, FOOT), INK, 1, "4 3")
    words = f"set for {format_percent(arm.duty_target, 0)}"
    canvas.text((place, TOP - 7), words, SOFT, "middle", SMALL)


def _settings(canvas: Canvas, gate: _Gate, x: Scale, y: Scale, dash: str) -> None:
    places = [(x(p.duty.value), y(p.success.value)) for p in gate.tried]
    duties = [p.duty.value for p in gate.tried]
    if len(places) > 2 and max(duties) - min(duties) >= SPAN:
        if gate.bold or gate.colour == VERMILLION:
            sure = [p for p in gate.tried if math.isfinite(p.success.ci.low + p.success.ci.high)]
            upper = [(x(p.duty.value), y(p.success.ci.high)) for p in sure]
            lower = [(x(p.duty.value), y(p.success.ci.low)) for p in sure]
            canvas.area([*upper, *reversed(lower)], gate.colour, 0.13)
        colour = FAINT if gate.colour == SOFT else gate.colour
        canvas.curve(places, colour, 1.8 if gate.bold else 0.9, "" if gate.bold else dash)
    for place in places:
        canvas.dot(place, gate.colour, 3.2 if gate.bold else 2.4, hollow=True)


def _cross(canvas: Canvas, gate: _Gate, x: Scale, y: Scale) -> None:
    at = x(gate.duty.value), y(gate.success.value)
    low, high = y(gate.success.ci.low), y(gate.success.ci.high)
    canvas.span((at[0], low), (at[0], high), gate.colour)
    low, high = x(gate.duty.ci.low), x(gate.duty.ci.high)
    canvas.span((low, at[1]), (high, at[1]), gate.colour)
    canvas.dot(at, gate.colour, 5.4 if gate.bold else 4.2)


def _labels(
    canvas: Canvas, gates: Sequence[_Gate], strong: ArmResult | None, x: Scale, y: Scale
) -> None:
    """Writes names to the right, each with a thin line to its dot."""
    wanted = [y(gate.success.value) for gate in gates]
    if strong is not None:
        wanted.append(y(strong.success.value))
    heights = spread(wanted, 17.0, TOP + 2, FOOT)
    for gate, height in zip(gates, heights, strict=False):
        at = x(gate.duty.value) + 6, y(gate.success.value)
        canvas.curve([at, (RIGHT + 2, height), (RIGHT + 16, height)], FAINT, 0.7)
        words = f"{shorten(gate.name, 134)}  {format_percent(gate.success.value)}"
        canvas.text((RIGHT + 20, height + 4), words, gate.colour, size=SMALL, bold=gate.bold)
    if strong is not None:
        words = f"{STRONG}  {format_percent(strong.success.value)}"
        canvas.line((RIGHT, y(strong.success.value)), (RIGHT + 16, heights[-1]), FAINT, 0.7)
        canvas.text((RIGHT + 20, heights[-1] + 4), words, GREEN, size=SMALL)
