"""What each gate answers at one chunk boundary."""

from __future__ import annotations

from math import nan

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aegis.core.errors import ConfigError, UnknownNameError
from aegis.core.protocols import Context
from aegis.core.types import Level, Mode, Score
from aegis.gates.bernoulli import RandomGate
from aegis.gates.conformal import ConformalGate
from aegis.gates.constant import AlwaysGate, NeverGate
from aegis.gates.gain import GainGate
from aegis.gates.limits import Limits, reads
from aegis.gates.rescue import RescueGate
from aegis.gates.schedule import ScheduleGate
from aegis.gates.stint import StintGate
from aegis.gates.switch import HysteresisSwitch
from tests.fakes import KEY, toy_key


def context(
    k: int, *, fires: int = 0, active: str = "weak", since: int = 0, horizon: int = 220
) -> Context:
    return Context(k, horizon, k // 4, Mode(active, since), "weak", "strong", 1, fires)


def fires(gate: object, k: int, *values: float, key: object = KEY, **more: object) -> bool:
    scores = [Score(str(i), value) for i, value in enumerate(values)]
    state = gate.start(key)  # type: ignore[attr-defined]
    _, verdict = gate.judge(state, scores, context(k, **more))  # type: ignore[attr-defined, arg-type]
    return bool(verdict.level is Level.ESCALATE)


# --- Conformal ----------------------------------------------------------------------------


def test_the_published_numbers() -> None:
    gate = ConformalGate(threshold=0.5)
    assert not fires(gate, 43, 0.9)
    assert fires(gate, 44, 0.9)  # 0.20 * 220
    assert not fires(gate, 44, 0.5)  # Above, not at.
    assert fires(gate, 44, 0.9, fires=10)
    assert not fires(gate, 44, 0.9, fires=11)  # ceil(0.05 * 220)
    assert not fires(gate, 44, 0.9, active="strong")


@pytest.mark.parametrize("values", [(), (nan,), (0.0, nan), (nan, 0.0)])
def test_unknown_is_risk(values: tuple[float, ...]) -> None:
    assert fires(ConformalGate(threshold=0.5), 100, *values)


SCORES = st.lists(st.floats(0, 1), min_size=1, max_size=4)


@given(SCORES, st.floats(0, 1), st.integers(0, 219), st.floats(0, 1))
@example([0.5], 0.0, 100, 0.5)
def test_it_is_monotone_in_the_scores_and_the_threshold(
    values: list[float], lift: float, k: int, threshold: float
) -> None:
    gate = ConformalGate(threshold)
    if fires(gate, k, *values):
        assert fires(gate, k, *[value + lift for value in values])
        assert fires(ConformalGate(threshold - lift), k, *values)
        assert fires(gate, k, *values, nan)


@pytest.mark.parametrize("horizon", [20, 60, 100, 220, 300, 520])
@pytest.mark.parametrize("percent", [0, 1, 5, 7, 14, 20, 29, 100])
def test_caps_are_exact_where_floats_are_not(horizon: int, percent: int) -> None:
    exact = -(-percent * horizon // 100)
    assert Limits(0.2, percent / 100).cap(horizon) == exact


@given(SCORES, st.sampled_from(["0", "1", "nobody"]), st.integers(44, 219), st.floats(0, 1))
def test_a_named_score_is_read_and_no_other(
    values: list[float], name: str, k: int, threshold: float
) -> None:
    named = ConformalGate(threshold, score=name)
    known = [value for i, value in enumerate(values) if str(i) == name]
    assert fires(named, k, *values) == fires(ConformalGate(threshold), k, *known)


# --- Gain ---------------------------------------------------------------------------------

TICKS, RECOVERY = (0, 60, 100, 220), (1.0, 0.8, 0.2, 0.0)
TICK, CHANCE = st.integers(0, 219), st.floats(0, 1)


@given(CHANCE, CHANCE, TICK, CHANCE, st.floats(-1, 1))
def test_gain_rises_with_risk(p: float, lift: float, k: int, d: float, price: float) -> None:
    gate = GainGate(price, TICKS, RECOVERY, d)
    assert fires(gate, k, p) <= fires(gate, k, min(1.0, p + lift))
    assert fires(gate, k, nan)
    assert fires(gate, k)


@given(CHANCE, st.tuples(CHANCE, CHANCE, CHANCE), st.tuples(CHANCE, CHANCE, CHANCE), TICK, CHANCE)
def test_gain_rises_with_the_chance_of_recovery_and_falls_with_the_price(
    p: float, one: tuple[float, ...], other: tuple[float, ...], k: int, price: float
) -> None:
    low, high = (tuple(map(how, one, other)) for how in (min, max))
    gates = [GainGate(price, (0, 90, 150), chances, 0.02) for chances in (low, high)]
    assert fires(gates[0], k, p) <= fires(gates[1], k, p)
    assert fires(gates[1], k, p) <= fires(GainGate(price / 2, (0, 90, 150), high, 0.02), k, p)


@given(SCORES, TICK, CHANCE, st.integers(0, 11))
def test_a_sure_and_harmless_rescuer_makes_it_the_conformal_gate(
    values: list[float], k: int, threshold: float, fired: int
) -> None:
    gain = GainGate(threshold, (0,), (1.0,), 0.0, guard_fraction=0.2, fires_fraction=0.05)
    for active in ("weak", "strong"):
        more = {"fires": fired, "active": active}
        assert fires(gain, k, *values, **more) == fires(  # type: ignore[arg-type]
            ConformalGate(threshold), k, *values, **more
        )


@given(CHANCE, st.floats(0.01, 1), st.floats(0, 0.99), TICK)
def test_at_no_price_it_fires_where_a_hand_over_pays_at_all(
    p: float, r: float, d: float, k: int
) -> None:
    bar = d / (r + d)
    if abs(p - bar) > 1e-9:
        assert fires(GainGate(0.0, (0,), (r,), d), k, p) == (p > bar)


def test_recovery_is_known_between_its_ticks_and_level_beyond_them() -> None:
    gate = GainGate(0.0, (20, 60, 100), (0.9, 0.5, 0.1), 0.0)
    assert [gate.recovers(k) for k in (0, 20, 30, 60, 90, 100, 200)] == pytest.approx(
        [0.9, 0.9, 0.8, 0.5, 0.2, 0.1, 0.1]
    )
    shipped = GainGate(0.0, TICKS, RECOVERY, 0.0)
    want = np.interp(np.arange(220), TICKS, RECOVERY)
    assert [shipped.recovers(k) for k in range(220)] == pytest.approx(want.tolist())


def test_a_verdict_names_gain_and_price() -> None:
    gate = GainGate(0.25, (0,), (0.8,), 0.1, score="b")
    scores = [Score("a", 0.9), Score("b", 0.5)]
    verdict = gate.judge(None, scores, context(100))[1]
    assert (verdict.level, verdict.reason) == (Level.ESCALATE, "gain 0.350 > 0.250")
    assert gate.judge(None, scores[:1], context(100))[1].reason == "risk unknown"


# --- Rescue -------------------------------------------------------------------------------


def rescue_gate(threshold: float, **more: float) -> RescueGate:
    """Reads "0" as the risk and "1" as the chance of a rescue."""
    return RescueGate(threshold, risk="0", rescue="1", **more)


@given(CHANCE, CHANCE, CHANCE, CHANCE, TICK, st.floats(-1, 1), CHANCE)
def test_advantage_rises_with_risk_and_with_rescue(
    risk: float, more: float, rescue: float, lift: float, k: int, price: float, discount: float
) -> None:
    gate = rescue_gate(price)
    if fires(gate, k, risk, rescue):
        assert fires(gate, k, risk + more, rescue + lift)
        assert fires(rescue_gate(price - discount), k, risk, rescue)
    assert fires(gate, k, nan, rescue)
    assert fires(gate, k, risk, nan)
    assert fires(gate, k, risk)
    assert fires(gate, k)


@given(CHANCE, TICK, CHANCE, st.integers(0, 11), st.sampled_from(["weak", "strong"]))
def test_a_sure_rescue_makes_it_the_conformal_gate_on_the_risk(
    risk: float, k: int, threshold: float, fired: int, active: str
) -> None:
    gate = rescue_gate(threshold, guard_fraction=0.2, fires_fraction=0.05)
    like = ConformalGate(threshold, score="0")
    more = {"fires": fired, "active": active}
    assert fires(gate, k, risk, 1.0, **more) == fires(like, k, risk, 1.0, **more)  # type: ignore[arg-type]


def test_where_all_fails_it_is_rescue_that_ranks() -> None:
    assert not fires(rescue_gate(0.3), 100, 1.0, 0.29)
    assert fires(rescue_gate(0.3), 100, 1.0, 0.31)
    scores = [Score("rescue", 0.25), Score("other", nan), Score("risk", 0.5)]
    verdict = RescueGate(0.0, "risk", "rescue").judge(None, scores, context(100))[1]
    assert (verdict.level, verdict.reason) == (Level.STAY, "advantage -0.250 <= 0.000")
    verdict = RescueGate(-0.5, "risk", "rescue").judge(None, scores, context(100))[1]
    assert (verdict.level, verdict.reason) == (Level.ESCALATE, "advantage -0.250 > -0.500")
    assert "unknown" in RescueGate(0.0, "risk", "x").judge(None, scores, context(100))[1].reason


def test_a_rule_says_which_scores_it_reads() -> None:
    gain = GainGate(0.0, (0,), (1.0,), 0.0, score="b")
    named = (ConformalGate(0.5, score="b"), gain, HysteresisSwitch(0.5, score="b"))
    assert {reads(rule) for rule in named} == {("b",)}
    assert reads(RescueGate(0.0, "b", "a")) == ("b", "a")
    nobody = (ConformalGate(0.5), HysteresisSwitch(0.5), NeverGate(), RandomGate(0.1, (3,)))
    assert {reads(rule) for rule in nobody} == {()}


# --- Stint --------------------------------------------------------------------------------


def stay(gate: StintGate, index: int) -> tuple[int | None, int | None]:
    """Tick and length of an episode's stay, asked at every chunk boundary."""
    state = gate.start(toy_key(index))
    for k in range(0, 220, 5):
        state, verdict = gate.judge(state, (), context(k))
        if verdict.level is Level.ESCALATE:
            return k, verdict.hold
    return None, None


def test_a_stint_is_drawn_once_per_episode_within_its_range() -> None:
    gate = StintGate(20, 70, (2, 5, 9))
    stays = [stay(gate, index) for index in range(100)]
    assert stays == [stay(StintGate(20, 70, (2, 5, 9)), index) for index in range(100)]
    assert {tick for tick, _ in stays} == set(range(20, 75, 5))
    assert {hold for _, hold in stays} == {2, 5, 9}
    assert stays != [stay(StintGate(21, 70, (2, 5, 9)), index) for index in range(100)]


@given(TICK, st.integers(1, 5))
def test_a_stint_comes_once_and_never_while_the_strong_policy_drives(k: int, fired: int) -> None:
    gate = StintGate(0, 40, (2,))
    assert not fires(gate, k, fires=fired)
    assert not fires(gate, k, active="strong")
    assert fires(gate, max(k, 40))


# --- Blind --------------------------------------------------------------------------------


def test_a_schedule_fires_from_its_tick_on_and_again_after_its_period() -> None:
    once = ScheduleGate(start_tick=44, holds=(3,))
    assert not fires(once, 43)
    assert fires(once, 46)
    assert not fires(once, 200, fires=1, since=60)
    often = ScheduleGate(start_tick=44, holds=(3,), period=20)
    assert not fires(often, 79, fires=1, since=60)
    assert fires(often, 80, fires=1, since=60)
    assert not fires(often, 80, active="strong")
    assert not fires(often, 80, fires=11, since=0)


def test_scores_do_not_move_a_blind_gate() -> None:
    blind = (ScheduleGate(44, (3,)), RandomGate(0.5, (3,)), StintGate(0, 200, (3,)))
    for gate in (*blind, NeverGate(), AlwaysGate()):
        for k in range(0, 220, 4):
            assert (
                fires(gate, k, 0.0) == fires(gate, k, 1.0) == fires(gate, k, nan) == fires(gate, k)
            )


def test_holds_are_cycled_or_drawn_by_address() -> None:
    def hold(gate: ScheduleGate, fire: int, index: int = 0) -> int | None:
        key = toy_key(index)
        at = context(200, fires=fire, since=0)
        return gate.judge(gate.start(key), (), at)[1].hold

    cycle = ScheduleGate(0, (3, 5, 9), period=0, order="cycle")
    assert [hold(cycle, fire) for fire in range(4)] == [3, 5, 9, 3]
    draw = ScheduleGate(0, (3, 5, 9), period=0)
    drawn = [hold(draw, 0, index) for index in range(60)]
    assert drawn == [hold(draw, 0, index) for index in range(60)]
    assert set(drawn) == {3, 5, 9}


# --- Random -------------------------------------------------------------------------------


def test_random_fires_at_its_rate_after_the_guard_only() -> None:
    gate = RandomGate(0.3, (3,))
    assert not any(fires(gate, k, key=toy_key(i)) for k in (0, 20, 43) for i in range(50))
    drawn = [fires(gate, k, key=toy_key(i)) for k in range(44, 84, 4) for i in range(100)]
    assert np.mean(drawn) == pytest.approx(0.3, abs=0.06)
    assert drawn == [fires(gate, k, key=toy_key(i)) for k in range(44, 84, 4) for i in range(100)]


@given(st.integers(44, 219), st.floats(0, 1), st.floats(0, 1))
def test_a_higher_rate_fires_wherever_a_lower_one_does(k: int, a: float, b: float) -> None:
    low, high = sorted((a, b))
    assert fires(RandomGate(low, (3,)), k) <= fires(RandomGate(high, (3,)), k)


@given(st.integers(0, 219))
def test_never_and_always(k: int) -> None:
    assert not fires(NeverGate(), k)
    assert fires(AlwaysGate(), k)


# --- Construction -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ConformalGate(nan), "threshold must be finite"),
        (lambda: ConformalGate(0.5, guard_fraction=1.2), "guard_fraction must lie in"),
        (lambda: ConformalGate(0.5, fires_fraction=-1), "fires_fraction must lie in"),
        (lambda: ScheduleGate(0, ()), "holds must be at least one number"),
        (lambda: ScheduleGate(-1, (3,)), "must not be negative"),
        (lambda: RandomGate(0.1, (0,)), "holds must be at least one number"),
        (lambda: RandomGate(nan, (3,)), "rate must lie in"),
        (lambda: GainGate(nan, (0,), (1.0,), 0.0), "threshold must be finite"),
        (lambda: GainGate(0.0, (), (), 0.0), "equally long, and not empty"),
        (lambda: GainGate(0.0, (0, 5), (1.0,), 0.0), "equally long"),
        (lambda: GainGate(0.0, (5, 5), (1.0, 0.0), 0.0), "ticks must ascend"),
        (lambda: GainGate(0.0, (0,), (1.1,), 0.0), "must lie in"),
        (lambda: GainGate(0.0, (0,), (nan,), 0.0), "must lie in"),
        (lambda: GainGate(0.0, (0,), (1.0,), -0.1), "must lie in"),
        (lambda: GainGate(0.0, (0,), (1.0,), 0.0, guard_fraction=2), "guard_fraction must lie in"),
        (lambda: RescueGate(nan, "a", "b"), "threshold must be finite"),
        (lambda: RescueGate(0.0, "a", "a"), "must be two scores"),
        (lambda: RescueGate(0.0, "a", "b", guard_fraction=2), "guard_fraction must lie in"),
        (lambda: StintGate(5, 5, (3,)), "low <= tick < high"),
        (lambda: StintGate(-1, 5, (3,)), "low <= tick < high"),
        (lambda: StintGate(0, 5, ()), "holds must be at least one number"),
    ],
)
def test_settings_out_of_range_are_refused(make: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make()  # type: ignore[operator]


def test_an_unknown_order_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'cycle'"):
        ScheduleGate(0, (3,), order="cycl")
