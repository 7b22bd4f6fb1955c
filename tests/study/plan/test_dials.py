"""Dials of arms: how far they turn, and what they set."""

from __future__ import annotations

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis.core.capabilities import DialRange
from aegis.core.errors import ConfigError
from aegis.core.types import Score
from aegis.gates.bernoulli import RandomGate
from aegis.gates.conformal import ConformalGate
from aegis.gates.gain import GainGate
from aegis.gates.grids import split_stay
from aegis.gates.lead import LeadSwitch
from aegis.gates.rescue import RescueGate
from aegis.gates.schedule import ScheduleGate
from aegis.study.plan.dials import ArmDial, PlannedDial

GATE = {"gate": {"start_tick": 0, "holds": [3], "threshold": 0.5, "rate": 0.1, "period": 9}}
NODE = {**GATE, "switch": {"holds": [3]}, "first": "weak"}
RULES = {
    "gate": (
        ConformalGate(0.5), GainGate(0.0, (0,), (1.0,), 0.0), RescueGate(0.0, "a", "b"),
        RandomGate(0.1, (3,)), ScheduleGate(0, (3,)),
    ),
    "switch": (LeadSwitch((3,)),),
}  # fmt: skip
DIALS = [
    pytest.param(ArmDial(part, dial, PlannedDial(kind)), id=f"{type(rule).__name__} {kind}")
    for part, rules in RULES.items()
    for rule in rules
    for kind, dial in rule.dials().items()
]
SCHEDULE, ONCE = ScheduleGate(0, (3,)).dials(), DialRange(5, 22, ())


def make_range(*scores: float, name: str = "probe") -> DialRange:
    return DialRange(5, 220, [Score(name, score) for score in scores])


@pytest.mark.parametrize("one", DIALS)
def test_a_grid_ascends_and_each_setting_can_be_set(one: ArmDial) -> None:
    grid = one.list_settings(make_range(0.3, nan, 0.1, inf, 0.3))
    assert list(grid) == sorted(set(grid))
    for setting in (grid[0], grid[-1]):
        turned = one.apply_setting(NODE, setting)
        part, name = one.key.split(".")
        assert turned[part][name] in (setting, split_stay(setting))
        assert {**turned, part: NODE[part]} == NODE, "nothing else is touched"
    assert NODE["gate"]["start_tick"] == 0, "nor the original"


def test_locked_plans_name_a_dial_by_the_key_that_it_sets() -> None:
    keys = {kind: ArmDial("gate", dial, PlannedDial(kind)).key for kind, dial in SCHEDULE.items()}
    assert keys == {
        "start": "gate.start_tick", "hold": "gate.holds", "stint": "gate.holds",
        "period": "gate.period", "every": "gate.period",
    }  # fmt: skip


def test_every_waits_as_long_before_the_first_stay_as_between_stays() -> None:
    every = ArmDial("gate", SCHEDULE["every"], PlannedDial("every"))
    assert every.apply_setting(NODE, 40)["gate"] == {**GATE["gate"], "start_tick": 40, "period": 40}
    assert not every.dial.rises, "the longer the wait, the less is spent"


def test_a_tick_is_chosen_beside_the_setting() -> None:
    stint = ArmDial("gate", SCHEDULE["stint"], PlannedDial("stint", starts=(40, 50)))
    gate = stint.apply_setting(stint.apply_tick(NODE, 50), 2.0)["gate"]
    assert gate == {**GATE["gate"], "start_tick": 50, "holds": [2]}


def test_grids_are_what_makes_sense() -> None:
    assert SCHEDULE["start"].list_settings(ONCE) == [0, 5, 10, 15, 20]
    threshold = ConformalGate(0.5).dials()["threshold"]
    assert threshold.list_settings(make_range(0.3, nan, 0.1, inf)) == [0.1, 0.3]
    assert threshold.list_settings(ONCE) == []
    named = ConformalGate(0.5, score="probe").dials()["threshold"]
    assert named.list_settings(make_range(0.3, name="other")) == [], "another detector's scores"
    chances = RescueGate(0.0, "a", "b").dials()["threshold"].list_settings(ONCE)
    assert (len(chances), chances[0], chances[100], chances[-1]) == (201, -1.0, 0.0, 1.0)
    stays = SCHEDULE["hold"].list_settings(DialRange(5, 15, ()))
    assert stays == [i / 5 for i in range(5, 16)]
    assert RandomGate(0.1, (3,)).dials()["rate"].list_settings(ONCE)[-1] == 1.0


def test_a_plan_may_narrow_a_grid() -> None:
    stay = ArmDial("gate", SCHEDULE["hold"], PlannedDial("hold", low=1.5, high=2.0))
    assert stay.list_settings(ONCE) == (1.6, 1.8, 2.0)


@given(st.integers(5, 300))
def test_parts_of_chunks_are_means_of_whole_ones(fifths: int) -> None:
    holds = split_stay(fifths / 5)
    assert sum(holds) / len(holds) == pytest.approx(fifths / 5)
    assert max(holds) - min(holds) <= 1


def test_a_dial_must_fit() -> None:
    threshold = ArmDial("gate", ConformalGate(0.5).dials()["threshold"], PlannedDial("threshold"))
    with pytest.raises(ConfigError, match=r"sets 'threshold', but the arm has only rate"):
        threshold.apply_setting({"gate": {"rate": 0.1}}, 0.5)
    with pytest.raises(ConfigError, match="holds no keys"):
        threshold.apply_setting({"gate": 3}, 0.5)
