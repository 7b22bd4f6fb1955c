"""Dials: how far they turn, and what they set."""

from __future__ import annotations

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis.core.errors import ConfigError, UnknownNameError
from aegis.study.plan.dials import DIAL_KINDS, Dial, split_stay

GATE = {"gate": {"start_tick": 0, "holds": [3], "threshold": 0.5, "rate": 0.1, "period": 9}}
NODE = {**GATE, "switch": {"holds": [3]}, "first": "weak"}


def dial(kind: str, **more: float) -> Dial:
    return Dial(kind, starts=(5, 10) if kind == "stint" else (), **more)


@pytest.mark.parametrize("kind", [kind for kind in DIAL_KINDS if kind != "none"])
def test_a_grid_ascends_and_each_setting_can_be_set(kind: str) -> None:
    one = dial(kind)
    grid = one.list_settings(5, 220, [0.3, nan, 0.1, inf, 0.3])
    assert list(grid) == sorted(set(grid))
    for setting in (grid[0], grid[-1]):
        turned = one.apply_setting(NODE, setting)
        part, name = one.key.split(".")
        assert turned[part][name] in (setting, split_stay(setting))
        assert {**turned, part: NODE[part]} == NODE, "nothing else is touched"
    assert NODE["gate"]["start_tick"] == 0, "nor the original"


def test_every_waits_as_long_before_the_first_stay_as_between_stays() -> None:
    gate = dial("every").apply_setting(NODE, 40)["gate"]
    assert gate == {**GATE["gate"], "start_tick": 40, "period": 40}
    assert not dial("every").is_rising, "the longer the wait, the less is spent"


def test_grids_are_what_makes_sense() -> None:
    assert dial("start").list_settings(5, 22, []) == (0, 5, 10, 15, 20)
    assert dial("threshold").list_settings(5, 22, [0.3, nan, 0.1, inf]) == (0.1, 0.3)
    chances = dial("threshold").list_settings(5, 22, None)
    assert (len(chances), chances[0], chances[100], chances[-1]) == (201, -1.0, 0.0, 1.0)
    assert dial("threshold", low=0.0, high=0.02).list_settings(5, 22, None) == (0.0, 0.01, 0.02)
    assert dial("threshold").list_settings(5, 22, []) == ()
    assert dial("hold").list_settings(5, 15, []) == tuple(i / 5 for i in range(5, 16))
    assert dial("rate").list_settings(5, 22, [])[-1] == 1.0
    assert dial("hold", low=1.5, high=2.0).list_settings(5, 22, []) == (1.6, 1.8, 2.0)


@given(st.integers(5, 300))
def test_parts_of_chunks_are_means_of_whole_ones(fifths: int) -> None:
    holds = split_stay(fifths / 5)
    assert sum(holds) / len(holds) == pytest.approx(fifths / 5)
    assert max(holds) - min(holds) <= 1


def test_a_dial_must_fit() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'start'"):
        Dial("strat")
    with pytest.raises(ConfigError, match="starts"):
        Dial("stint")
    with pytest.raises(ConfigError, match=r"sets 'threshold', but the arm has only rate"):
        Dial("threshold").apply_setting({"gate": {"rate": 0.1}}, 0.5)
    with pytest.raises(ConfigError, match="holds no keys"):
        Dial("threshold").apply_setting({"gate": 3}, 0.5)
