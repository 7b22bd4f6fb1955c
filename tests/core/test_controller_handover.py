"""The controller hands over and back: when, for how long, and whom it asks meanwhile."""

from __future__ import annotations

from math import inf, nan

import pytest

from aegis.core.types import Act, Level
from aegis.gates.constant import NeverGate
from aegis.gates.schedule import ScheduleGate
from tests.core.driven import drive_controller, list_stays, make_controller


def test_a_fire_takes_effect_at_the_next_boundary_and_loses_no_tick() -> None:
    decisions = drive_controller(make_controller(), 40, 0.9)
    assert all(isinstance(d.command, Act) for d in decisions)
    fired = decisions[20]
    assert fired.verdict.level is Level.ESCALATE
    assert (fired.mode.active, fired.next_mode.active, fired.next_mode.since_k) == (
        "weak", "strong", 24,
    )  # fmt: skip
    assert [d.mode.active for d in decisions[20:28]] == ["weak"] * 4 + ["strong"] * 4
    assert decisions[23].ask == ("strong", "weak")
    assert [d.fires for d in decisions[18:22]] == [0, 0, 1, 1]


def test_control_returns_after_the_least_stay_when_risk_is_low() -> None:
    risks = [0.9] * 24 + [0.0] * 76
    assert list_stays(drive_controller(make_controller(), 100, risks)) == [
        ("weak", 6),
        ("strong", 3),
        ("weak", 16),
    ]


@pytest.mark.parametrize("risk", [nan, inf, 0.3, 0.4])
def test_control_stays_while_the_shadow_is_not_safe(risk: float) -> None:
    assert list_stays(drive_controller(make_controller(), 100, [0.9] * 24 + [risk] * 76))[-1] == (
        "strong",
        19,
    )


def test_an_exact_hold_overrides_the_scores() -> None:
    gate = ScheduleGate(start_tick=8, holds=(2,), period=12, order="cycle")
    got = list_stays(drive_controller(make_controller(gate=gate, detectors=()), 60, 0.0))
    assert got == [("weak", 3), ("strong", 2), ("weak", 4), ("strong", 2), ("weak", 4)]


def test_a_gate_without_scores_asks_for_no_shadow() -> None:
    gate = ScheduleGate(start_tick=0, holds=(5,))
    decisions = drive_controller(make_controller(gate=gate), 24, 0.9)
    assert {d.ask for d in decisions} == {(), ("weak",), ("strong",)}


def test_a_strong_only_arm_never_asks_the_weak_policy() -> None:
    decisions = drive_controller(make_controller(gate=NeverGate(), first="strong"), 60, 0.0)
    assert {d.ask for d in decisions} == {(), ("strong",)}
    assert list_stays(decisions) == [("strong", 15)]
