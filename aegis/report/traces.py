"""Traces: the figure of three episodes, risk by risk, with who drove and what was seen."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping, Sequence

from aegis.records.fork_rows import UnitKey
from aegis.report.axis import Scale, bottom, left, reach, whole
from aegis.report.canvas import BLUE, FAINT, INK, ORANGE, SMALL, SOFT, VERMILLION, Canvas
from aegis.report.document import Figure, code
from aegis.report.examples import KINDS, Example, examples, rule_of, shown_arm
from aegis.report.ladder import WIDTH
from aegis.report.palette import STRONG, STRONG_TINT
from aegis.report.tables import Boundary, Rule, Tables
from aegis.study.analysis.study_result import StudyResult

Pictures = Mapping[str, Mapping[int, bytes]]
"""PNG pictures by kind of example (``recovered``, ``missed``, ``disrupted``) and tick."""
LEFT, RIGHT, TALL, HEAD, FOOT, MOST = 50.0, 690.0, 104.0, 46.0, 46.0, 6
TITLES = {
    "recovered": "Recovered",
    "missed": "Not recovered",
    "disrupted": "Disrupted",
}


def traces(result: StudyResult, tables: Tables, pictures: Pictures) -> Figure | None:
    """Draws one episode of each kind."""
    shown = examples(result, tables)
    if not shown:
        return None
    arm = shown_arm(result, tables)
    rule, events = rule_of(result, tables, arm), tables.failures()
    heights = {
        kind: HEAD + TALL + FOOT + _strip(pictures.get(kind, {})) for kind in KINDS if kind in shown
    }
    canvas = Canvas(WIDTH, sum(heights.values()), f"Risk, tick by tick, in episodes of {arm}")
    steps = [row.steps for e in shown.values() for row in (e.episode, e.alone)]
    x = Scale(0.0, float(max([1, *steps])), LEFT, RIGHT)
    top = 0.0
    for kind, height in heights.items():
        example = shown[kind]
        _panel(canvas, example, rule, x, top + HEAD)
        _titles(canvas, example, events, x, top)
        _frames(canvas, pictures.get(kind, {}), x, top + HEAD + TALL)
        top += height
    return Figure(
        "traces",
        canvas,
        _caption(result, arm, rule, shown),
        "scores.parquet, episodes.parquet, events.parquet; one dot per chunk boundary.",
    )


def _caption(result: StudyResult, arm: str, rule: Rule, shown: Mapping[str, Example]) -> str:
    line = "" if math.isnan(rule.threshold) else "; dashed, the threshold"
    if rule.bar:
        line = "; dashed, the risk above which it hands over, by tick"
    absent = [TITLES[kind].lower() for kind in KINDS if kind not in shown]
    none = f" No episode was {' or '.join(absent)}." if absent else ""
    return (
        f"{code(rule.score or 'risk')} in episodes of {code(arm)} (blue line){line}; thin grey "
        f"line: the same unit under {code(result.reference)}. Shaded: steps under the strong "
        "policy. Triangle: hand-over decided; orange: what went wrong when "
        f"{code(result.reference)} was alone. Episodes are not picked by hand: of each kind, the "
        f"one with the median tick of hand-over is shown.{none}"
    )


def _titles(
    canvas: Canvas,
    example: Example,
    events: Mapping[UnitKey, tuple[str, int]],
    x: Scale,
    top: float,
) -> None:
    title = TITLES[example.kind]
    task, _, index = example.unit
    ends = [
        f"task {task}, start {index}",
        f"alone {_end(example.alone.success, example.alone.steps)}",
        f"with help {_end(example.episode.success, example.episode.steps)}",
    ]
    canvas.title_line((4, top + 16), title, "  ·  ".join(ends))
    kind, k = events.get(example.unit, ("", -1))
    if kind and k >= 0 and not example.alone.success:
        place = x(k)
        canvas.line((place, top + HEAD), (place, top + HEAD + TALL), ORANGE, 2)
        side = "start" if place < 560 else "end"
        canvas.text((place, top + HEAD - 6), f"alone: {kind}, tick {k}", INK, side, SMALL)


def _end(success: bool, steps: int) -> str:
    return f"{'solved' if success else 'failed'} after {steps} steps"


def _panel(canvas: Canvas, example: Example, rule: Rule, x: Scale, top: float) -> None:
    known = [b.scores[rule.score] for b in example.path if rule.score in b.scores]
    bars = [*rule.bar, rule.threshold]
    inside = all(0 <= value <= 1 for value in [*known, *bars] if math.isfinite(value))
    low, high = (0.0, 1.0) if inside else reach([*known, *bars])
    y = Scale(low, high, top + TALL, top)
    for start, stop in _stints(example):
        canvas.rect(x(start), top, x(stop) - x(start), TALL, STRONG_TINT)
    left(canvas, y, LEFT, "", lambda v: f"{v:.2g}", RIGHT, 2)
    _bar(canvas, rule, x, y, top)
    bottom(canvas, x, top + TALL, "", whole, None, 8)
    canvas.text((RIGHT, top + TALL + 33), "tick [control steps]", SOFT, "end", SMALL)
    for line in _segments(example.without, rule.score):
        canvas.curve([(x(k), y(risk)) for k, risk in line], FAINT, 1.2)
    for line in _segments(example.path, rule.score):
        canvas.curve([(x(k), y(risk)) for k, risk in line], BLUE, 2)
        for k, risk in line:
            canvas.dot((x(k), y(risk)), BLUE, 1.8)
    end = x(example.episode.steps)
    canvas.line((end, top), (end, top + TALL), INK, 1.4)
    fire = example.episode.first_fire_k
    if fire is not None:
        at, base = x(fire), top + TALL
        canvas.area([(at, base - 1), (at - 6, base + 10), (at + 6, base + 10)], INK)


def _bar(canvas: Canvas, rule: Rule, x: Scale, y: Scale, top: float) -> None:
    """Draws the score above which the arm hands over, from its guard on."""
    pieces = list(rule.pieces(round(x.high)))
    for line in pieces:
        canvas.curve([(x(k), y(value)) for k, value in line], VERMILLION, 1.2, "5 3")
    if pieces:
        k, value = pieces[0][0]
        at = y(value)
        words = "hands over above" if rule.bar else f"threshold {rule.threshold:.2f}"
        canvas.text(
            (x(k) + 4, at + (14 if rule.bar or at < top + 16 else -5)),
            words,
            VERMILLION,
            size=SMALL - 1,
        )


def _stints(example: Example) -> Iterator[tuple[float, float]]:
    """Yields when the strong policy drove: first tick, and first tick after."""
    start: float | None = None
    for boundary in example.path:
        drives = boundary.active == STRONG
        if drives and start is None:
            start = float(boundary.k)
        elif not drives and start is not None:
            yield start, float(boundary.k)
            start = None
    if start is not None:
        yield start, float(example.episode.steps)


def _segments(path: Sequence[Boundary], score: str) -> Iterator[list[tuple[int, float]]]:
    """Yields runs of boundaries at which the score is known."""
    line: list[tuple[int, float]] = []
    for boundary in path:
        risk = boundary.scores.get(score, math.nan)
        if risk is not None and math.isfinite(risk):
            line.append((boundary.k, risk))
        elif line:
            yield line
            line = []
    if line:
        yield line


def _some(pictures: Mapping[int, bytes]) -> list[tuple[int, bytes, float]]:
    """Returns a few pictures in order of time: tick, PNG, height over width."""
    ticks = sorted(k for k, png in pictures.items() if _shape(png) is not None)
    count = min(MOST, len(ticks))
    kept = [ticks[round(i * (len(ticks) - 1) / max(1, count - 1))] for i in range(count)]
    return [(k, pictures[k], _shape(pictures[k]) or 1.0) for k in kept]


def _wide(frames: int) -> float:
    return min(160.0, (RIGHT - LEFT - 6.0 * (frames - 1)) / max(1, frames))


def _strip(pictures: Mapping[int, bytes]) -> float:
    frames = _some(pictures)
    return max((shape * _wide(len(frames)) + 26 for _, _, shape in frames), default=0.0)


def _frames(canvas: Canvas, pictures: Mapping[int, bytes], x: Scale, foot: float) -> None:
    frames = _some(pictures)
    wide = _wide(len(frames))
    for i, (k, png, shape) in enumerate(frames):
        at = LEFT + i * (wide + 6)
        canvas.image((at, foot + 42), wide, wide * shape, png, f"tick {k}")
        canvas.text((at, foot + 55 + wide * shape), f"tick {k}", SOFT, size=SMALL)
        canvas.line((x(k), foot), (x(k), foot - 6), INK, 1.5)


def _shape(png: bytes) -> float | None:
    """Returns height over width of a PNG; None if it is none."""
    if len(png) < 24 or png[:8] != b"\x89PNG\r\n\x1a\n":
        return None
    wide, high = struct.unpack(">II", png[16:24])
    return high / wide if wide and high else None
