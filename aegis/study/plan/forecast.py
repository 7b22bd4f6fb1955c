"""Forecast: duty of an arm, computed from scores of the reference arm without playing it.

Gate and switch are asked again at the chunk boundaries of the reference's episodes. What the strong
policy would change is left out: episodes keep their lengths, and scores are those of the weak
policy alone. So it is no result, but a good place to begin a search.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import pyarrow.compute as pc

from aegis.core.controller import Controller
from aegis.core.protocols import Context
from aegis.core.types import EpisodeKey, Mode, Score
from aegis.records.store import RunTables


@dataclass(frozen=True, slots=True)
class ScoredEpisode:
    """A reference episode.

    Attributes:
        key: The episode.
        ticks: Its chunk boundaries, and its end [control steps].
        scores: What was scored at the boundaries.
    """

    key: EpisodeKey
    ticks: tuple[int, ...]
    scores: tuple[tuple[Score, ...], ...]


def read_scored_episodes(tables: RunTables, arm: str) -> tuple[ScoredEpisode, ...]:
    """Reads the episodes of an arm."""
    steps = tables.read_steps().select(["task", "start", "index", "arm", "k", "boundary", "scores"])
    found: dict[tuple[int, str, int], list[tuple[int, tuple[Score, ...]]]] = {}
    mine = pc.and_(pc.equal(steps["arm"], arm), steps["boundary"])
    for step in steps.filter(mine).to_pylist():
        scores = tuple(Score(*pair) for pair in step["scores"] or ())
        unit = step["task"], step["start"], step["index"]
        found.setdefault(unit, []).append((step["k"], scores))
    courses = []
    for row in tables.episodes:
        path = found.get((row.task, row.start, row.index), []) if row.arm == arm else []
        if path:
            ticks = (*(k for k, _ in path), row.steps)
            courses.append(ScoredEpisode(row.key, ticks, tuple(scores for _, scores in path)))
    return tuple(courses)


def forecast_duty(controller: Controller, courses: tuple[ScoredEpisode, ...]) -> float:
    """Returns the share of steps that the strong policy would drive; NaN without episodes."""
    total = sum(course.ticks[-1] for course in courses)
    strong = sum(_forecast_strong_steps(controller, course) for course in courses)
    return strong / total if total else float("nan")


def _forecast_strong_steps(control: Controller, course: ScoredEpisode) -> int:
    """Returns how many steps of an episode the strong policy would drive."""
    gate, switch = control.gate.start(course.key), control.switch.start(course.key)
    mode, heir = Mode(control.first, 0), control.first
    dwell = fires = steps = 0
    spans = zip(pairwise(course.ticks), course.scores, strict=True)
    for chunk, ((k, until), scores) in enumerate(spans):
        # As the controller does it: a hand-over decided at a boundary takes effect at the next one.
        if heir != mode.active:
            mode, dwell = Mode(heir, k), 0
        dwell += 1
        context = Context(k, control.horizon, chunk, mode, control.ladder.names, dwell, fires)
        gate, verdict = control.gate.judge(gate, scores, context)
        switch, heir = control.switch.transition(switch, verdict, scores, context)
        fires += control.ladder.rank(heir) > control.ladder.rank(mode.active)
        steps += (mode.active != control.weak) * (until - k)
    return steps
