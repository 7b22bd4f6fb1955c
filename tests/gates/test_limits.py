"""What gates share: caps that are exact, and which scores a rule reads."""

from __future__ import annotations

import pytest

from aegis.gates.bernoulli import RandomGate
from aegis.gates.conformal import ConformalGate
from aegis.gates.constant import NeverGate
from aegis.gates.gain import GainGate
from aegis.gates.limits import HandoverLimits, scores_read_by
from aegis.gates.rescue import RescueGate
from aegis.gates.switch import HysteresisSwitch


@pytest.mark.parametrize("horizon", [20, 60, 100, 220, 300, 520])
@pytest.mark.parametrize("percent", [0, 1, 5, 7, 14, 20, 29, 100])
def test_caps_are_exact_where_floats_are_not(horizon: int, percent: int) -> None:
    exact = -(-percent * horizon // 100)
    assert HandoverLimits(0.2, percent / 100).compute_cap(horizon) == exact


def test_a_rule_says_which_scores_it_reads() -> None:
    gain = GainGate(0.0, (0,), (1.0,), 0.0, score="b")
    named = (ConformalGate(0.5, score="b"), gain, HysteresisSwitch(0.5, score="b"))
    assert {scores_read_by(rule) for rule in named} == {("b",)}
    assert scores_read_by(RescueGate(0.0, "b", "a")) == ("b", "a")
    nobody = (ConformalGate(0.5), HysteresisSwitch(0.5), NeverGate(), RandomGate(0.1, (3,)))
    assert {scores_read_by(rule) for rule in nobody} == {()}
