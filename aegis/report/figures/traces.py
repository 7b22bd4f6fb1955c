"""Traces: a score tick by tick in three episodes, with who drove and what the camera saw."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from PIL import Image, UnidentifiedImageError

from aegis.core.types import U8
from aegis.records.fork_rows import UnitKey
from aegis.report.examples import KINDS, Example, find_rule, find_shown_arm, select_examples
from aegis.report.figures.drawing import (
    TEXT,
    WIDTH,
    Chart,
    Drawing,
    set_scale,
    write_at,
    write_whole,
)
from aegis.report.figures.places import find_range
from aegis.report.palette import LIGHT
from aegis.report.tables import Boundary, Rule
from aegis.report.view import Pictures, StudyView

LEFT, RIGHT, TALL, HEAD, FOOT, MOST = 46.0, 14.0, 104.0, 44.0, 40.0, 6
TITLES = {"recovered": "Recovered", "missed": "Not recovered", "disrupted": "Disrupted"}
Frames = Sequence[tuple[int, U8]]


def draw_traces(view: StudyView) -> Chart | None:
    """Draws one episode of each kind."""
    shown = select_examples(view.result, view.plan, view.tables)
    if not shown:
        return None
    arm = find_shown_arm(view.result, view.plan, view.tables)
    rule, events = find_rule(view.result, view.tables, arm), view.tables.find_mishaps()
    frames = {kind: _open_frames(view.pictures, kind) for kind in shown}
    heights = {kind: HEAD + TALL + FOOT + _find_strip(frames[kind]) for kind in shown}
    drawing = Drawing(sum(heights.values()))
    longest = max([1, *(row.steps for e in shown.values() for row in (e.episode, e.alone))])
    top = 0.0
    for kind, example in shown.items():
        drawing.write(4, top + 16, TITLES[kind], size=TEXT, bold=True)
        drawing.write(110, top + 16, _describe(example), LIGHT["soft"])
        axes = drawing.add_panel(LEFT, top + HEAD, WIDTH - LEFT - RIGHT, TALL)
        _draw_example(axes, example, rule, longest)
        _mark_mishap(axes, example, events, longest)
        _add_frames(drawing, axes, frames[kind], top + HEAD + TALL + FOOT)
        top += heights[kind]
    return drawing.finish(
        "traces",
        f"Score, tick by tick, in episodes of {arm}",
        "scores.parquet, episodes.parquet and events.parquet; one dot per chunk boundary",
        _state_facts(arm, rule, shown),
    )


def _state_facts(arm: str, rule: Rule, shown: Mapping[str, Example]) -> dict[str, object]:
    missed = shown.get("missed")
    quiet = missed is not None and missed.episode.strong_steps == 0
    return {
        "arm_name": arm,
        "score": rule.score or "risk",
        "by_tick": bool(rule.bar),
        "threshold": math.isfinite(rule.threshold),
        "absent": [TITLES[kind].lower() for kind in KINDS if kind not in shown],
        "quiet": quiet,
    }


def _describe(example: Example) -> str:
    task, _, index = example.unit
    ends = (
        f"task {task}, start {index}",
        f"alone {_end(example.alone.success, example.alone.steps)}",
        f"with help {_end(example.episode.success, example.episode.steps)}",
    )
    quiet = () if example.episode.strong_steps else ("no hand-over",)
    return "  ·  ".join((*ends, *quiet))


def _end(success: bool, steps: int) -> str:
    return f"{'solved' if success else 'failed'} after {steps} steps"


def _draw_example(axes: Axes, example: Example, rule: Rule, longest: int) -> None:
    known = [b.scores[rule.score] for b in example.path if rule.score in b.scores]
    bars = [*rule.bar, rule.threshold]
    inside = all(0 <= value <= 1 for value in [*known, *bars] if math.isfinite(value))
    ends = (0.0, 1.0) if inside else find_range([*known, *bars])
    set_scale(axes, "x", (0, longest), write_whole, "tick [control steps]", 8, grid=False)
    set_scale(axes, "y", ends, lambda v: f"{v:.2g}", ticks=2)
    for start, stop in find_stays(example):
        axes.axvspan(start, stop, color=LIGHT["tint"], linewidth=0, zorder=0)
    _draw_bar(axes, rule, longest, ends)
    for line in _find_segments(example.without, rule.score):
        axes.plot(*zip(*line, strict=True), color=LIGHT["faint"], linewidth=1.2)
    for line in _find_segments(example.path, rule.score):
        axes.plot(*zip(*line, strict=True), "-o", color=LIGHT["blue"], linewidth=2, markersize=3.6)
    axes.axvline(example.episode.steps, color=LIGHT["ink"], linewidth=1.4)
    if example.episode.first_fire_k is not None:
        axes.plot([example.episode.first_fire_k], [ends[0]], "^", color=LIGHT["ink"],
                  markersize=10, clip_on=False, zorder=4)  # fmt: skip


def _mark_mishap(
    axes: Axes, example: Example, events: Mapping[UnitKey, tuple[str, int]], longest: int
) -> None:
    kind, k = events.get(example.unit, ("", -1))
    if not kind or k < 0 or example.alone.success:
        return
    axes.axvline(k, color=LIGHT["orange"], linewidth=2)
    late = k > 0.75 * longest
    write_at(axes, k, axes.get_ylim()[1], f"alone: {kind}, tick {k}",
             align="right" if late else "left", shift=(0, 9))  # fmt: skip


def _draw_bar(axes: Axes, rule: Rule, longest: int, ends: tuple[float, float]) -> None:
    """Draws the score above which the arm hands over, from its guard on."""
    pieces = list(rule.pieces(longest))
    for line in pieces:
        axes.plot(*zip(*line, strict=True), color=LIGHT["vermillion"], linewidth=1.3,
                  linestyle=(0, (4, 2.4)))  # fmt: skip
    if pieces:
        k, value = pieces[0][0]
        words = "hands over above" if rule.bar else f"threshold {rule.threshold:.2f}"
        below = rule.bar or value > ends[0] + 0.85 * (ends[1] - ends[0])
        write_at(axes, k, value, words, LIGHT["vermillion"], shift=(3, -9 if below else 8))


def find_stays(example: Example) -> Iterator[tuple[float, float]]:
    """Yields the stays with the strong policy: first tick, and first tick after."""
    start: float | None = None
    for boundary in example.path:
        drives = boundary.active == "strong"
        if drives and start is None:
            start = float(boundary.k)
        elif not drives and start is not None:
            yield start, float(boundary.k)
            start = None
    if start is not None:
        yield start, float(example.episode.steps)


def _find_segments(path: Sequence[Boundary], score: str) -> Iterator[list[tuple[int, float]]]:
    """Yields runs of boundaries at which the score is known."""
    line: list[tuple[int, float]] = []
    for boundary in path:
        value = boundary.scores.get(score, math.nan)
        if value is not None and math.isfinite(value):
            line.append((boundary.k, value))
        elif line:
            yield line
            line = []
    if line:
        yield line


def _open_frames(pictures: Pictures, kind: str) -> Frames:
    """Returns a few pictures of an episode in order of time; broken ones are passed over."""
    found: list[tuple[int, U8]] = []
    for k, png in sorted(pictures.get(kind, {}).items()):
        try:
            found.append((k, np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))))
        except (UnidentifiedImageError, OSError):
            continue
    count = min(MOST, len(found))
    return [found[round(i * (len(found) - 1) / max(1, count - 1))] for i in range(count)]


def _find_width(frames: Frames) -> float:
    room = WIDTH - LEFT - RIGHT - 6.0 * (len(frames) - 1)
    return min(160.0, room / max(1, len(frames)))


def _find_strip(frames: Frames) -> float:
    """Returns the height of a strip of pictures with their ticks [px]."""
    shapes = [image.shape[0] / image.shape[1] for _, image in frames]
    return max((shape * _find_width(frames) + 26 for shape in shapes), default=0.0)


def _add_frames(drawing: Drawing, axes: Axes, frames: Frames, top: float) -> None:
    wide = _find_width(frames)
    for i, (k, image) in enumerate(frames):
        left, tall = LEFT + i * (wide + 6), wide * image.shape[0] / image.shape[1]
        panel = drawing.add_panel(left, top, wide, tall)
        panel.set_axis_off()
        # Without interpolation the picture is embedded as it is, in any size.
        panel.imshow(image, interpolation="none", aspect="auto")
        drawing.write(left, top + tall + 14, f"tick {k}", LIGHT["soft"])
        axes.plot([k], [axes.get_ylim()[0]], "|", color=LIGHT["ink"], markersize=10,
                  markeredgewidth=1.4, clip_on=False, zorder=4)  # fmt: skip
