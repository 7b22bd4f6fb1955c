"""A run that never happened, reported to a sink event by event; deterministic."""

from __future__ import annotations

import math
from collections.abc import Callable

from aegis.core.seeds import root_stream
from aegis.core.types import EpisodeKey
from aegis.fleet.progress import EpisodeProgress, Judgement, ProgressSink
from aegis.records.rows import EpisodeRow

ARMS = ("weak", "strong", "blind", "random", "aegis")
PLACES = ("between the plate and the ramekin", "on the stove", "from table center")
HORIZON = 220
THRESHOLD = 0.61


class Clock:
    """A clock that goes when told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def make_key(index: int) -> EpisodeKey:
    return EpisodeKey(0, "libero_spatial", index % 3, "wide", 2_000_000 + index)


def make_instruction(task: int) -> str:
    return f"pick up the black bowl {PLACES[task]} and place it on the plate"


def make_row(
    key: EpisodeKey,
    arm: str,
    success: bool,
    steps: int = 120,
    strong_steps: int = 0,
    fires: int = 0,
) -> EpisodeRow:
    return EpisodeRow(
        key.root, key.suite, key.task, key.start, key.index, arm, make_instruction(key.task),
        success, "success" if success else "horizon", steps, strong_steps,
        steps - strong_steps, fires,
        None, None, (), (), "d", "f",
    )  # fmt: skip


def make_progress(
    key: EpisodeKey,
    arm: str,
    k: int,
    value: float,
    strong_steps: int = 0,
    quantity: str = "probe",
    bar: float = THRESHOLD,
) -> EpisodeProgress:
    """Progress after a boundary ten ticks ago; arm ``aegis`` has a rule with a bar."""
    watched = arm == "aegis"
    active = "strong" if strong_steps or arm == "strong" else "weak"
    seen = (value, bar) if watched else (math.nan, math.nan)
    judged = Judgement(max(0, k - 10), *seen, active == "strong")
    return EpisodeProgress(
        key=key,
        arm=arm,
        k=k,
        horizon=HORIZON,
        active=active,
        helper="strong",
        risk=value if quantity == "probe" else 0.9,
        quantity=quantity if watched else "",
        track=(judged,),
        fires=int(strong_steps > 0),
        strong_steps=strong_steps,
        instruction=make_instruction(key.task),
    )


def tell_story(
    sink: ProgressSink,
    units: int,
    clock: Clock,
    close: bool = True,
    pause: Callable[[], None] = lambda: None,
) -> None:
    """Tells a run of five arms; the last unit of each arm stays in flight."""
    sink.on_run_opened(units * len(ARMS), 0, ARMS)
    for i in range(units):
        for arm in ARMS:
            _episode(sink, make_key(i), arm, i, clock, pause, finish=i < units - 1)
    if close:
        sink.on_run_closed()


def _episode(
    sink: ProgressSink, unit: EpisodeKey, arm: str, i: int, clock: Clock, pause: Callable[[], None],
    finish: bool,
) -> None:  # fmt: skip
    rng = root_stream(i, "story")
    hard, strong = rng.random() < 0.5, 0
    steps = 180 if hard else 120
    for k in range(0, steps, 10):
        risk = float(1 / (1 + math.exp(4 - 8 * hard * k / 160 + rng.normal() * 0.4)))
        takes = (arm == "aegis" and risk > THRESHOLD) or (arm in ("blind", "random") and k > 110)
        strong += 10 * (takes or arm == "strong")
        sink.on_progress(make_progress(unit, arm, k, risk, strong))
        clock.now += 0.05
        pause()
    if finish:
        success = not hard or arm in ("strong", "aegis")
        sink.on_episode_finished(make_row(unit, arm, success, steps, strong, int(strong > 0)))
