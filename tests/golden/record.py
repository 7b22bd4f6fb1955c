"""Records the golden traces of this folder: ``python -m tests.golden.record``.

Each is an episode of the toy world with mishaps at fixed ticks. Record them again only when a
change of the controller, a gate or the switch is meant to change decisions, and read the diff of
``story`` below: it prints who drove, and why.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import numpy as np

from aegis.core.controller import Controller
from aegis.core.protocols import Query
from aegis.core.types import EpisodeKey, PolicyId, Proposal, Tick
from aegis.gates.bernoulli import RandomGate
from aegis.gates.conformal import ConformalGate
from aegis.gates.constant import NeverGate
from aegis.gates.schedule import ScheduleGate
from tests.fakes import ToyPolicy, ToyWorld, toy_key
from tests.fleet.toyrun import controller
from tests.golden.trace import Trace, TraceRecorder

FOLDER = Path(__file__).parent
TICKS = 44
NAN = float("nan")


class FarWorld(ToyWorld):
    """The goal is so far away that no episode ends before its tale is told."""

    def begin(self, key: EpisodeKey) -> None:
        super().begin(key)
        self._goal = 4 * self._goal


Mishap = Callable[[Proposal], Proposal | None]


def _calm(chunk: Proposal) -> Proposal:
    return _risk(chunk, 0.1)


def _moody(chunk: Proposal) -> Proposal:
    """High risk in the guard, then two spells of it, the second one longer than the least stay."""
    spells = chunk.k0 in (4, 16, 20) or 32 <= chunk.k0 < 44
    return _risk(chunk, 1.5 if spells else 0.1)


def _unknown(chunk: Proposal) -> Proposal:
    return _risk(chunk, NAN if chunk.k0 >= 16 else 0.1)


def _lost(chunk: Proposal) -> Proposal | None:
    """A chunk of NaN actions, one that does not come, then silence of both policies."""
    if chunk.k0 == 8:
        return _calm(replace(chunk, actions=chunk.actions * np.float32(NAN)))
    if chunk.k0 == 13:
        return None
    return None if chunk.k0 >= 25 else _calm(chunk)


def _risk(chunk: Proposal, value: float) -> Proposal:
    return replace(chunk, features={"trunk": np.array([value, 0, 0, 0], np.float32)})


SCENES: dict[str, tuple[Callable[[], Controller], Mishap]] = {
    "weak_alone": (lambda: controller(NeverGate(), horizon=TICKS), _calm),
    "aegis": (lambda: controller(ConformalGate(threshold=1.0), horizon=TICKS), _moody),
    "nan_scores": (lambda: controller(ConformalGate(threshold=1.0), horizon=TICKS), _unknown),
    "missing": (lambda: controller(ConformalGate(threshold=1.0), horizon=TICKS), _lost),
    "blind": (lambda: controller(ScheduleGate(12, (2, 3), period=8), horizon=TICKS), _calm),
    "random": (lambda: controller(RandomGate(0.4, (1, 2)), horizon=TICKS), _calm),
}


def record(name: str) -> Trace:
    """Plays a scene."""
    build, mishap = SCENES[name]
    world, key = FarWorld(horizon=TICKS, p_hard=1.0), toy_key(3)
    policies = {who: ToyPolicy(who, weak=who == "weak") for who in ("weak", "strong")}
    recorder = TraceRecorder(build(), key)
    world.begin(key)
    for k in range(TICKS):
        obs = world.observe({})
        chunks = _answers(policies, recorder.ask, Query(key, k, obs), mishap)
        if world.apply(recorder.feed(Tick(k, obs.stamp, obs, chunks)).command).done:
            break
    return recorder.build_trace()


def _answers(
    policies: dict[PolicyId, ToyPolicy], asked: Sequence[PolicyId], query: Query, mishap: Mishap
) -> dict[PolicyId, Proposal]:
    chunks = [mishap(policies[who].propose([query])[0]) for who in asked]
    return {chunk.policy: chunk for chunk in chunks if chunk is not None}


def story(trace: Trace) -> list[str]:
    """Tells a trace in lines: from which tick on, who drives, what is sent, what was judged."""
    told = []
    for answer in map(json.loads, trace.answers):
        why = answer["command_reason"] or answer["verdict"][1]
        if why != "between chunks":
            told.append((answer["k"], f"{answer['mode']['active']} {answer['command']}: {why}"))
    return [f"{next(lines)[0]} {line}" for line, lines in groupby(told, key=lambda one: one[1])]


def main() -> None:
    """Records all scenes and tells them."""
    for name in SCENES:
        trace = record(name)
        trace.write_npz(FOLDER / f"{name}.npz")
        sys.stdout.write("\n  ".join([f"{name}:", *story(trace)]) + "\n")


if __name__ == "__main__":
    main()
