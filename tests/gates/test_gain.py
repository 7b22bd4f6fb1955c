"""The gain gate: risk times the chance of recovery, less what a hand-over may break."""

from __future__ import annotations

from math import nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis.core.types import Level, Score
from aegis.gates.conformal import ConformalGate
from aegis.gates.gain import GainGate
from tests.gates.asked import CHANCE, SCORES, TICK, judge_fires, make_context

TICKS, RECOVERY = (0, 60, 100, 220), (1.0, 0.8, 0.2, 0.0)


@given(CHANCE, CHANCE, TICK, CHANCE, st.floats(-1, 1))
def test_gain_rises_with_risk(p: float, lift: float, k: int, d: float, price: float) -> None:
    gate = GainGate(price, TICKS, RECOVERY, d)
    assert judge_fires(gate, k, p) <= judge_fires(gate, k, min(1.0, p + lift))
    assert judge_fires(gate, k, nan)
    assert judge_fires(gate, k)


@given(CHANCE, st.tuples(CHANCE, CHANCE, CHANCE), st.tuples(CHANCE, CHANCE, CHANCE), TICK, CHANCE)
def test_gain_rises_with_the_chance_of_recovery_and_falls_with_the_price(
    p: float, one: tuple[float, ...], other: tuple[float, ...], k: int, price: float
) -> None:
    low, high = (tuple(map(how, one, other)) for how in (min, max))
    gates = [GainGate(price, (0, 90, 150), chances, 0.02) for chances in (low, high)]
    assert judge_fires(gates[0], k, p) <= judge_fires(gates[1], k, p)
    assert judge_fires(gates[1], k, p) <= judge_fires(
        GainGate(price / 2, (0, 90, 150), high, 0.02), k, p
    )


@given(SCORES, TICK, CHANCE, st.integers(0, 11))
def test_a_sure_and_harmless_rescuer_makes_it_the_conformal_gate(
    values: list[float], k: int, threshold: float, fired: int
) -> None:
    gain = GainGate(threshold, (0,), (1.0,), 0.0, guard_fraction=0.2, fires_fraction=0.05)
    for active in ("weak", "strong"):
        more = {"fires": fired, "active": active}
        assert judge_fires(gain, k, *values, **more) == judge_fires(  # type: ignore[arg-type]
            ConformalGate(threshold), k, *values, **more
        )


@given(CHANCE, st.floats(0.01, 1), st.floats(0, 0.99), TICK)
def test_at_no_price_it_fires_where_a_hand_over_pays_at_all(
    p: float, r: float, d: float, k: int
) -> None:
    bar = d / (r + d)
    if abs(p - bar) > 1e-9:
        assert judge_fires(GainGate(0.0, (0,), (r,), d), k, p) == (p > bar)


def test_recovery_is_known_between_its_ticks_and_level_beyond_them() -> None:
    gate = GainGate(0.0, (20, 60, 100), (0.9, 0.5, 0.1), 0.0)
    assert [gate.interpolate_recovery(k) for k in (0, 20, 30, 60, 90, 100, 200)] == pytest.approx(
        [0.9, 0.9, 0.8, 0.5, 0.2, 0.1, 0.1]
    )
    shipped = GainGate(0.0, TICKS, RECOVERY, 0.0)
    want = np.interp(np.arange(220), TICKS, RECOVERY)
    assert [shipped.interpolate_recovery(k) for k in range(220)] == pytest.approx(want.tolist())


def test_a_verdict_names_gain_and_price() -> None:
    gate = GainGate(0.25, (0,), (0.8,), 0.1, score="b")
    scores = [Score("a", 0.9), Score("b", 0.5)]
    verdict = gate.judge(None, scores, make_context(100))[1]
    assert (verdict.level, verdict.reason) == (Level.ESCALATE, "gain 0.350 > 0.250")
    assert gate.judge(None, scores[:1], make_context(100))[1].reason == "risk unknown"
