"""The conformal gate: the published rule."""

from __future__ import annotations

from math import nan

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aegis.gates.conformal import ConformalGate
from tests.gates.asked import SCORES, judge_fires


def test_the_published_numbers() -> None:
    gate = ConformalGate(threshold=0.5)
    assert not judge_fires(gate, 43, 0.9)
    assert judge_fires(gate, 44, 0.9)  # 0.20 * 220
    assert not judge_fires(gate, 44, 0.5)  # Above, not at.
    assert judge_fires(gate, 44, 0.9, fires=10)
    assert not judge_fires(gate, 44, 0.9, fires=11)  # ceil(0.05 * 220)
    assert not judge_fires(gate, 44, 0.9, active="strong")


@pytest.mark.parametrize("values", [(), (nan,), (0.0, nan), (nan, 0.0)])
def test_unknown_is_risk(values: tuple[float, ...]) -> None:
    assert judge_fires(ConformalGate(threshold=0.5), 100, *values)


@given(SCORES, st.floats(0, 1), st.integers(0, 219), st.floats(0, 1))
@example([0.5], 0.0, 100, 0.5)
def test_it_is_monotone_in_the_scores_and_the_threshold(
    values: list[float], lift: float, k: int, threshold: float
) -> None:
    gate = ConformalGate(threshold)
    if judge_fires(gate, k, *values):
        assert judge_fires(gate, k, *[value + lift for value in values])
        assert judge_fires(ConformalGate(threshold - lift), k, *values)
        assert judge_fires(gate, k, *values, nan)


@given(SCORES, st.sampled_from(["0", "1", "nobody"]), st.integers(44, 219), st.floats(0, 1))
def test_a_named_score_is_read_and_no_other(
    values: list[float], name: str, k: int, threshold: float
) -> None:
    named = ConformalGate(threshold, score=name)
    known = [value for i, value in enumerate(values) if str(i) == name]
    assert judge_fires(named, k, *values) == judge_fires(ConformalGate(threshold), k, *known)
