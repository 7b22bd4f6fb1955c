"""Rules: the risk above which a gate hands over, read off its settings."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis.app.study.rules import read_rule
from aegis.report.tables import Rule

GAIN = {
    "_target_": "aegis.gates.gain.GainGate",
    "ticks": [0, 50, 100],
    "recovery": [1.0, 0.5, 0.0],
    "disruption": 0.1,
    "score": "foresight",
    "guard_fraction": 0.0,
}


def test_a_gate_without_a_threshold_has_no_rule() -> None:
    assert read_rule({"_target_": "x", "rate": 0.1}, 100, "probe") is None


def test_the_published_gate() -> None:
    gate = {"threshold": 0.6, "guard_fraction": 0.2}
    assert read_rule(gate, 220, "probe") == Rule("probe", 0.6, 44)
    assert read_rule({**gate, "score": "advantage"}, 220, "probe") == Rule("advantage", 0.6, 44)
    assert read_rule({**gate, "score": None}, 221, "probe") == Rule("probe", 0.6, 45)


@given(st.floats(0.0, 0.8), st.integers(0, 99))
def test_the_gain_at_the_bar_is_the_price(price: float, k: int) -> None:
    rule = read_rule({**GAIN, "threshold": price}, 100, "probe")
    assert rule is not None
    assert (rule.score, len(rule.bar)) == ("foresight", 100)
    recovery, risk = 1.0 - k / 100, rule.bar[k]
    if math.isnan(risk):
        assert recovery - price <= 1e-9  # not even certain failure is worth it
    else:
        assert risk * recovery - (1 - risk) * 0.1 == pytest.approx(price)


def test_a_gate_of_two_scores_shows_the_risk_without_a_bar() -> None:
    gate = {"threshold": 0.2, "risk": "foresight", "rescue": "rescue", "guard_fraction": 0.15}
    rule = read_rule(gate, 220, "probe")
    assert rule is not None
    assert (rule.score, rule.guard, rule.bar) == ("foresight", 33, ())
    assert list(rule.pieces(220)) == []


def test_where_strong_neither_recovers_nor_ruins_nothing_pays() -> None:
    gate = {**GAIN, "threshold": 0.0, "recovery": [0, 0, 0], "disruption": 0.0}
    rule = read_rule(gate, 100, "probe")
    assert rule is not None
    assert list(rule.pieces(100)) == []
