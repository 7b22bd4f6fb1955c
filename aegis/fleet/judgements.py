"""Judgements: what the gate of an arm compared with what, read off a recorded episode."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from aegis.core.capabilities import ThresholdGate
from aegis.core.protocols import Context
from aegis.core.types import EpisodeKey, Mode, Score
from aegis.fleet.arm import Arm
from aegis.fleet.progress import Judgement

JUDGEMENT_COLUMNS = ("k", "active", "since_k", "boundary", "dwell", "fires", "scores")
"""Columns of the steps that are read."""


def replay_judgements(
    arm: Arm, key: EpisodeKey, steps: Sequence[Mapping[str, Any]]
) -> Iterator[Judgement]:
    """Asks the gate again at every boundary that was scored, from the start of the episode on.

    Args:
        arm: The arm that was played.
        key: The unit.
        steps: All steps of the episode, in order, with ``JUDGEMENT_COLUMNS``.

    Yields:
        One judgement per boundary with scores; none for a gate that compares nothing.
    """
    control = arm.controller
    gate = control.gate
    if not isinstance(gate, ThresholdGate):
        return
    state, chunk, fires = control.gate.start(key), 0, 0
    for step in steps:
        scores = tuple(Score(*pair) for pair in step["scores"] or ())
        if scores:
            mode = Mode(step["active"], step["since_k"])
            context = Context(
                step["k"], control.horizon, chunk, mode, control.ladder.names, step["dwell"],
                fires,
            )  # fmt: skip
            state, _ = control.gate.judge(state, scores, context)
            yield Judgement(
                step["k"],
                gate.measure(state, scores, step["k"]),
                gate.bar(step["k"], control.horizon),
                step["active"] != control.weak,
            )
        chunk, fires = chunk + bool(step["boundary"]), step["fires"]


def find_constant_bar(arm: Arm) -> float:
    """Returns the bar of an arm's gate if it is one at all ticks that have any, else NaN."""
    gate, horizon = arm.controller.gate, arm.controller.horizon
    if not isinstance(gate, ThresholdGate):
        return math.nan
    bars = {bar for bar in (gate.bar(k, horizon) for k in range(horizon)) if not math.isnan(bar)}
    return bars.pop() if len(bars) == 1 else math.nan
