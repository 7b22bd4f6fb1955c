"""The stint gate: one stay per episode, drawn by address."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aegis.core.types import Level
from aegis.gates.stint import StintGate
from tests.fakes import toy_key
from tests.gates.asked import TICK, judge_fires, make_context


def find_stay(gate: StintGate, index: int) -> tuple[int | None, int | None]:
    """Tick and length of an episode's stay, asked at every chunk boundary."""
    state = gate.start(toy_key(index))
    for k in range(0, 220, 5):
        state, verdict = gate.judge(state, (), make_context(k))
        if verdict.level is Level.ESCALATE:
            return k, verdict.hold
    return None, None


def test_a_stint_is_drawn_once_per_episode_within_its_range() -> None:
    gate = StintGate(20, 70, (2, 5, 9))
    stays = [find_stay(gate, index) for index in range(100)]
    assert stays == [find_stay(StintGate(20, 70, (2, 5, 9)), index) for index in range(100)]
    assert {tick for tick, _ in stays} == set(range(20, 75, 5))
    assert {hold for _, hold in stays} == {2, 5, 9}
    assert stays != [find_stay(StintGate(21, 70, (2, 5, 9)), index) for index in range(100)]


@given(TICK, st.integers(1, 5))
def test_a_stint_comes_once_and_never_while_the_strong_policy_drives(k: int, fired: int) -> None:
    gate = StintGate(0, 40, (2,))
    assert not judge_fires(gate, k, fires=fired)
    assert not judge_fires(gate, k, active="strong")
    assert judge_fires(gate, max(k, 40))
