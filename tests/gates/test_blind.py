"""Gates that read no score: schedules, chance, never and always."""

from __future__ import annotations

from math import nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis.gates.bernoulli import RandomGate
from aegis.gates.constant import AlwaysGate, NeverGate
from aegis.gates.schedule import ScheduleGate
from aegis.gates.stint import StintGate
from tests.fakes import toy_key
from tests.gates.asked import judge_fires, make_context


def test_a_schedule_fires_from_its_tick_on_and_again_after_its_period() -> None:
    once = ScheduleGate(start_tick=44, holds=(3,))
    assert not judge_fires(once, 43)
    assert judge_fires(once, 46)
    assert not judge_fires(once, 200, fires=1, since=60)
    often = ScheduleGate(start_tick=44, holds=(3,), period=20)
    assert not judge_fires(often, 79, fires=1, since=60)
    assert judge_fires(often, 80, fires=1, since=60)
    assert not judge_fires(often, 80, active="strong")
    assert not judge_fires(often, 80, fires=11, since=0)


def test_scores_do_not_move_a_blind_gate() -> None:
    blind = (ScheduleGate(44, (3,)), RandomGate(0.5, (3,)), StintGate(0, 200, (3,)))
    for gate in (*blind, NeverGate(), AlwaysGate()):
        for k in range(0, 220, 4):
            assert (
                judge_fires(gate, k, 0.0)
                == judge_fires(gate, k, 1.0)
                == judge_fires(gate, k, nan)
                == judge_fires(gate, k)
            )


def test_holds_are_cycled_or_drawn_by_address() -> None:
    def hold(gate: ScheduleGate, fire: int, index: int = 0) -> int | None:
        key = toy_key(index)
        at = make_context(200, fires=fire, since=0)
        return gate.judge(gate.start(key), (), at)[1].hold

    cycle = ScheduleGate(0, (3, 5, 9), period=0, order="cycle")
    assert [hold(cycle, fire) for fire in range(4)] == [3, 5, 9, 3]
    draw = ScheduleGate(0, (3, 5, 9), period=0)
    drawn = [hold(draw, 0, index) for index in range(60)]
    assert drawn == [hold(draw, 0, index) for index in range(60)]
    assert set(drawn) == {3, 5, 9}


def test_random_fires_at_its_rate_after_the_guard_only() -> None:
    gate = RandomGate(0.3, (3,))
    assert not any(judge_fires(gate, k, key=toy_key(i)) for k in (0, 20, 43) for i in range(50))
    drawn = [judge_fires(gate, k, key=toy_key(i)) for k in range(44, 84, 4) for i in range(100)]
    assert np.mean(drawn) == pytest.approx(0.3, abs=0.06)
    assert drawn == [
        judge_fires(gate, k, key=toy_key(i)) for k in range(44, 84, 4) for i in range(100)
    ]


@given(st.integers(44, 219), st.floats(0, 1), st.floats(0, 1))
def test_a_higher_rate_fires_wherever_a_lower_one_does(k: int, a: float, b: float) -> None:
    low, high = sorted((a, b))
    assert judge_fires(RandomGate(low, (3,)), k) <= judge_fires(RandomGate(high, (3,)), k)


@given(st.integers(0, 219))
def test_never_and_always(k: int) -> None:
    assert not judge_fires(NeverGate(), k)
    assert judge_fires(AlwaysGate(), k)
