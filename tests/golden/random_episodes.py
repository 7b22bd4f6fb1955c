"""Random episodes: decisions of the controller under late, short, non-finite and lost proposals.

``python -m tests.golden.random_episodes`` records their digests again. Do so only when a change is
meant to change decisions of controllers with two policies, no lead and no operator: studies rest
on them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from aegis.core.controller import Controller
from aegis.core.ladder import Ladder
from aegis.core.types import Act, Decision, Proposal
from aegis.gates.bernoulli import RandomGate
from aegis.gates.conformal import ConformalGate
from aegis.gates.constant import AlwaysGate, NeverGate
from aegis.gates.lead import LeadSwitch
from aegis.gates.schedule import ScheduleGate
from aegis.gates.switch import HysteresisSwitch
from aegis.runtime.session import Session
from tests.core.driven import make_controller
from tests.fakes import KEY, tick

FILE = Path(__file__).parent / "random_episodes.json"
EPISODES, TICKS = 300, 120
RULES: tuple[Mapping[str, Any], ...] = (
    {},
    {"gate": NeverGate()},
    {"gate": AlwaysGate(), "patience": 8},
    {"gate": ScheduleGate(12, (2, 3), period=8), "patience": 1},
    {"gate": RandomGate(0.4, (1, 2)), "patience": 20},
    {"gate": NeverGate(), "switch": LeadSwitch((2, 3)), "first": "strong"},
    {"gate": ConformalGate(threshold=0.5), "switch": HysteresisSwitch(0.4, 1, 4), "patience": 60},
    {
        "gate": NeverGate(),
        "shadow": True,
        "first": "strong",
        "ladder": Ladder.pair("weak", "strong", {"weak": 5, "strong": 3}),
    },
)


def digest_episode(number: int) -> str:
    """Plays one episode, whose mishaps are drawn by its number, and hashes its decisions."""
    rng = np.random.Generator(np.random.Philox(number))
    session = Session(_build_controller(number), KEY)
    trouble = rng.choice([0.05, 0.2, 0.5])
    hashed = hashlib.blake2b(digest_size=8)
    k = 0
    for _ in range(TICKS):
        asked = session.ask
        if rng.random() < 0.1 * trouble:  # Somebody answers who was not asked.
            asked = ("weak", "strong")
        made = [_make_proposal(rng, policy, k, trouble) for policy in asked]
        decision = session.feed(tick(k, *(one for one in made if one is not None)))
        hashed.update(_describe_decision(decision))
        k += 1 + int(rng.random() < 0.05 * trouble) * int(rng.integers(1, 4))  # Ticks may be lost.
    return hashed.hexdigest()


def read_digests() -> list[str]:
    """Returns the recorded digests, by number."""
    return list(json.loads(FILE.read_text()))


def _build_controller(number: int) -> Controller:
    return make_controller(**RULES[number % len(RULES)])


def _make_proposal(
    rng: np.random.Generator, policy: str, k: int, trouble: float
) -> Proposal | None:
    rows, late, risk = 8, 0, float(rng.random())
    actions = rng.uniform(-1.5, 1.5, (rows, 3)).astype(np.float32)
    if rng.random() < trouble:
        mishap = rng.integers(6)
        if mishap == 0:
            return None
        if mishap == 1:
            late = int(rng.integers(1, 7))
        if mishap == 2:
            actions = actions[: rng.integers(0, 5)]
        if mishap == 3:
            actions[rng.integers(len(actions)), 0] = rng.choice([np.nan, np.inf])
        if mishap == 4:
            risk = float("nan")
        if mishap == 5:
            actions = actions[:, :2]
    return Proposal(policy, k - late, actions, {"risk": np.array([risk], np.float32)})


def _describe_decision(one: Decision) -> bytes:
    why = "" if isinstance(one.command, Act) else one.command.reason
    said = (
        one.k,
        type(one.command).__name__,
        why,
        one.ask,
        (one.mode.active, one.mode.since_k),
        (one.next_mode.active, one.next_mode.since_k),
        [(score.detector, score.value.hex()) for score in one.scores],
        (one.verdict.level.name, one.verdict.reason, one.verdict.hold),
        one.fires,
        one.boundary,
    )
    return repr(said).encode() + one.command.action.tobytes()


if __name__ == "__main__":
    FILE.write_text(json.dumps([digest_episode(i) for i in range(EPISODES)], indent=0) + "\n")
