"""Fingerprints of arms: what a later release adds counts once it is set."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from aegis.core.capabilities import ADDED_LATER
from aegis.fleet.arm import Arm
from aegis.fleet.run_plan import fingerprint_arm
from aegis.gates.rescue import RescueGate
from tests.fleet.toyrun import toy_arms

GATE = RescueGate(0.1, risk="risk", rescue="rescue")


def printed(gate: object) -> str:
    arm: Arm = toy_arms()[0]
    arm = replace(arm, controller=replace(arm.controller, gate=gate))  # type: ignore[arg-type]
    return fingerprint_arm(arm)


def test_a_fingerprint_tells_settings_apart() -> None:
    assert printed(GATE) == printed(replace(GATE))
    assert printed(GATE) != printed(replace(GATE, threshold=0.2))
    assert printed(GATE) != printed(replace(GATE, disruption=0.1))
    assert printed(replace(GATE, disruption=0.1)) != printed(replace(GATE, disruption=0.2))


def test_an_option_that_is_added_keeps_the_fingerprints_of_runs_before_it() -> None:
    @dataclass(frozen=True)
    class Before:
        price: float
        needs_scores: bool = False

    @dataclass(frozen=True)
    class After:
        price: float
        needs_scores: bool = False
        later: int | None = field(default=None, metadata=ADDED_LATER)

    After.__qualname__ = Before.__qualname__
    assert printed(After(0.5)) == printed(Before(0.5))
    assert printed(After(0.5, later=1)) != printed(Before(0.5))
