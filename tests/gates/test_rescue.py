"""The rescue gate: the chance of a rescue against the chance of success."""

from __future__ import annotations

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis.core.errors import ConfigError
from aegis.core.types import Level, Score
from aegis.gates.conformal import ConformalGate
from aegis.gates.rescue import RescueGate
from tests.gates.asked import CHANCE, TICK, judge_fires, make_context


def rescue_gate(threshold: float, **more: float) -> RescueGate:
    """Reads "0" as the risk and "1" as the chance of a rescue."""
    return RescueGate(threshold, risk="0", rescue="1", **more)


@given(CHANCE, CHANCE, CHANCE, CHANCE, TICK, st.floats(-1, 1), CHANCE)
def test_advantage_rises_with_risk_and_with_rescue(
    risk: float, more: float, rescue: float, lift: float, k: int, price: float, discount: float
) -> None:
    gate = rescue_gate(price)
    if judge_fires(gate, k, risk, rescue):
        assert judge_fires(gate, k, risk + more, rescue + lift)
        assert judge_fires(rescue_gate(price - discount), k, risk, rescue)
    assert judge_fires(gate, k, nan, rescue)
    assert judge_fires(gate, k, risk, nan)
    assert judge_fires(gate, k, risk)
    assert judge_fires(gate, k)


@given(CHANCE, TICK, CHANCE, st.integers(0, 11), st.sampled_from(["weak", "strong"]))
def test_a_sure_rescue_makes_it_the_conformal_gate_on_the_risk(
    risk: float, k: int, threshold: float, fired: int, active: str
) -> None:
    gate = rescue_gate(threshold, guard_fraction=0.2, fires_fraction=0.05)
    like = ConformalGate(threshold, score="0")
    more = {"fires": fired, "active": active}
    assert judge_fires(gate, k, risk, 1.0, **more) == judge_fires(like, k, risk, 1.0, **more)  # type: ignore[arg-type]


@given(CHANCE, CHANCE, CHANCE, CHANCE, TICK, st.floats(-1, 1), CHANCE)
def test_a_rescue_of_failures_is_weighed_against_what_is_ruined(
    risk: float, more: float, rescue: float, lift: float, k: int, price: float, disruption: float
) -> None:
    gate = rescue_gate(price, disruption=disruption)
    if judge_fires(gate, k, risk, rescue):
        assert judge_fires(gate, k, min(1.0, risk + more), min(1.0, rescue + lift))
        assert judge_fires(rescue_gate(price, disruption=0.0), k, risk, rescue)
    assert judge_fires(gate, k, nan, rescue)
    assert judge_fires(gate, k, risk, nan)


@given(CHANCE, CHANCE, CHANCE, CHANCE, TICK, st.floats(-1, 1))
def test_what_is_kept_is_weighed_moment_by_moment(
    risk: float, rescue: float, kept: float, more: float, k: int, price: float
) -> None:
    gate = RescueGate(price, risk="0", rescue="1", keep="2")
    assert judge_fires(gate, k, risk, rescue, kept) == judge_fires(
        rescue_gate(price, disruption=1 - kept), k, risk, rescue
    )
    if judge_fires(gate, k, risk, rescue, kept):
        assert judge_fires(gate, k, risk, rescue, min(1.0, kept + more))
    assert judge_fires(gate, k, risk, rescue, nan)
    assert judge_fires(gate, k, risk, rescue)


@given(CHANCE, CHANCE, CHANCE, TICK, st.floats(-1, 1), st.floats(0, 10), st.floats(0, 10))
def test_caution_never_adds_a_hand_over_and_zero_forgets_the_harm(
    risk: float, rescue: float, kept: float, k: int, price: float, caution: float, more: float
) -> None:
    def gate(weight: float) -> RescueGate:
        return RescueGate(price, risk="0", rescue="1", keep="2", caution=weight)

    if judge_fires(gate(caution + more), k, risk, rescue, kept):
        assert judge_fires(gate(caution), k, risk, rescue, kept)
    harmless = rescue_gate(price, disruption=0.0)
    assert judge_fires(gate(0.0), k, risk, rescue, kept) == judge_fires(harmless, k, risk, rescue)
    assert judge_fires(gate(caution), k, risk, rescue, 1.0) == judge_fires(
        harmless, k, risk, rescue
    )
    assert judge_fires(gate(caution), k, risk, rescue, nan)


@pytest.mark.parametrize("caution", [-0.1, nan, inf])
def test_caution_is_a_weight(caution: float) -> None:
    with pytest.raises(ConfigError, match=r"caution must be a finite number"):
        rescue_gate(0.0, disruption=0.1, caution=caution)


def test_caution_needs_something_to_weigh() -> None:
    with pytest.raises(ConfigError, match=r"neither disruption nor keep says that. Got: 2.0"):
        rescue_gate(0.0, caution=2.0)


def test_scores_are_different_ones_and_disruption_is_said_once() -> None:
    with pytest.raises(ConfigError, match=r"must be different scores. Got: 0, 1, 1"):
        RescueGate(0.0, "0", "1", keep="1")
    with pytest.raises(ConfigError, match=r"Got: 0.1 and '2'. Leave one of them null"):
        RescueGate(0.0, "0", "1", disruption=0.1, keep="2")


@pytest.mark.parametrize("disruption", [-0.1, 1.1, nan])
def test_a_disruption_is_a_chance(disruption: float) -> None:
    with pytest.raises(ConfigError, match=r"disruption is a chance.*null"):
        rescue_gate(0.0, disruption=disruption)


def test_where_all_fails_it_is_rescue_that_ranks() -> None:
    assert not judge_fires(rescue_gate(0.3), 100, 1.0, 0.29)
    assert judge_fires(rescue_gate(0.3), 100, 1.0, 0.31)
    scores = [Score("rescue", 0.25), Score("other", nan), Score("risk", 0.5)]
    gate = RescueGate(0.0, "risk", "rescue", disruption=0.1)
    assert gate.judge(None, scores, make_context(100))[1].reason == "advantage 0.075 > 0.000"
    verdict = RescueGate(0.0, "risk", "rescue").judge(None, scores, make_context(100))[1]
    assert (verdict.level, verdict.reason) == (Level.STAY, "advantage -0.250 <= 0.000")
    verdict = RescueGate(-0.5, "risk", "rescue").judge(None, scores, make_context(100))[1]
    assert (verdict.level, verdict.reason) == (Level.ESCALATE, "advantage -0.250 > -0.500")
    assert (
        "unknown" in RescueGate(0.0, "risk", "x").judge(None, scores, make_context(100))[1].reason
    )
