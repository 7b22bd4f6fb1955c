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
from aegis.gates.limits import Limits
from aegis.gates.schedule import ScheduleGate
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
    for gate in (ScheduleGate(44, (3,)), RandomGate(0.5, (3,)), NeverGate(), AlwaysGate()):
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
    ],
)
def test_settings_out_of_range_are_refused(make: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make()  # type: ignore[operator]


def test_an_unknown_order_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'cycle'"):
        ScheduleGate(0, (3,), order="cycl")
