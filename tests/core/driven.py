"""A controller of small parts, driven for so many ticks."""

from __future__ import annotations

from aegis.core.controller import Controller
from aegis.core.ladder import Ladder
from aegis.core.types import Decision
from aegis.gates.conformal import ConformalGate
from aegis.gates.switch import HysteresisSwitch
from aegis.runtime.session import Session
from tests.fakes import KEY, FakeDetector, proposal, tick, toy_embodiment

HORIZON = 100


def make_controller(**changes: object) -> Controller:
    parts: dict[str, object] = {
        "embodiment": toy_embodiment(),
        "ladder": Ladder.pair("weak", "strong", {"weak": 4, "strong": 4}),
        "horizon": HORIZON,
        "detectors": (FakeDetector(),),
        "gate": ConformalGate(threshold=0.5),
        "switch": HysteresisSwitch(release=0.3),
        "patience": 3,
        "first": "weak",
    }
    return Controller(**(parts | changes))  # type: ignore[arg-type]


def drive_controller(
    parts: Controller, ticks: int, risk: float | list[float], value: float = 0.5
) -> list[Decision]:
    """Answers every question at once; the risk may change from tick to tick."""
    session = Session(parts, KEY)
    decisions = []
    for k in range(ticks):
        now = risk if isinstance(risk, float) else risk[k % len(risk)]
        chunks = [proposal(name, k, value=value, risk=now) for name in session.ask]
        decisions.append(session.feed(tick(k, *chunks)))
    return decisions


def list_stays(decisions: list[Decision]) -> list[tuple[str, int]]:
    """Who drove, and for how many chunks, in order."""
    out: list[tuple[str, int]] = []
    for d in decisions:
        if d.boundary and out and out[-1][0] == d.mode.active:
            out[-1] = (d.mode.active, out[-1][1] + 1)
        elif d.boundary:
            out.append((d.mode.active, 1))
    return out
