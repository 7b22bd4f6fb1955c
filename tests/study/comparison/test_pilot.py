"""Pilot: arms that were played become rates, an answer and its reason."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from aegis.app.comparison.pilot_page import list_rates
from aegis.study.comparison.cost import PolicyCost
from aegis.study.comparison.pilot import PilotPlan, PilotResult, analyse_pilot
from aegis.study.comparison.report_values import list_pilot_values
from aegis.study.comparison.switch_rule import Answer, SwitchRule
from aegis.study.outcomes import Outcomes
from tests.study.rows import rows

PLAN = PilotPlan(SwitchRule(0.1, 0.8), recall=0.5, alpha=0.05, study=200)
COST = PolicyCost(1, 1.0, 0, float("nan"), float("nan"), float("nan"))
BOTH = {"weak": "x", "strong": "y"}


def pilot(weak: str, strong: str, switch: str, placebo: str = "", early: int = 0) -> PilotResult:
    """Analyses a pilot at tick 10; the first ``early`` units had ended before it."""
    arms = {"weak": weak, "strong": strong, "strong_at_010": switch, "reseed_at_010": placebo}
    played = {arm: outcome for arm, outcome in arms.items() if outcome}
    episodes = [one for arm, outcome in played.items() for one in rows(arm, outcome)]
    episodes = [
        replace(one, steps=5, weak_steps=5) if i % len(weak) < early else one
        for i, one in enumerate(episodes)
    ]
    outcomes = Outcomes.from_rows(episodes, list(played))
    return analyse_pilot(outcomes, 10, PLAN, BOTH, BOTH, dict.fromkeys(BOTH, COST))


def test_rates_by_hand() -> None:
    found = pilot("0001111100", "1001111110", "1100111100", "0100111100")
    assert (found.fails.count, found.fails.of) == (5, 10)
    assert (found.recovery.count, found.recovery.of) == (2, 5)
    assert (found.disruption.count, found.disruption.of) == (1, 5)
    assert found.needed_precision.value == pytest.approx(0.2 / 0.6)
    assert found.placebo is not None
    assert (found.placebo.count, found.placebo.of) == (1, 5)
    assert (found.both_fail.count, found.ceiling.count) == (3, 7)
    assert (found.headroom.count, found.only_weak.count) == (2, 0)
    assert found.blind_gain.value == pytest.approx(0.1)
    assert found.blind_p == 1.0
    assert [arm.name for arm in found.arms] == [
        "weak", "strong", "strong_at_010", "reseed_at_010",
    ]  # fmt: skip


def test_units_that_had_ended_are_neither_saved_nor_ruined() -> None:
    found = pilot("1101000000", "1" * 10, "1100111111", early=2)
    assert (found.fails.count, found.fails_there.of) == (7, 8)
    assert (found.disruption.count, found.disruption.of) == (1, 1)
    assert (found.recovery.count, found.recovery.of) == (6, 7)
    assert found.placebo is None


@pytest.mark.parametrize(
    ("weak", "strong", "switch", "answer", "says"),
    [
        ("0" * 25 + "1" * 25, "1" * 50, "1" * 50, Answer.CAN_PAY, "would save at least 35.5 %"),
        ("1" * 50, "1" * 50, "1" * 50, Answer.DO_NOT, "the weak policy fails too seldom"),
        ("0" * 25 + "1" * 25, "0" * 50, "0" * 25 + "1" * 25, Answer.DO_NOT, "saves too little"),
        (
            "0" * 60 + "1" * 60,
            "0" * 120,
            "1" * 15 + "0" * 105,
            Answer.UNDECIDED,
            "would save 7.2 % to 19.8 %",
        ),
        ("0" * 100 + "1" * 50, "0" * 150, "1" * 12 + "0" * 138, Answer.DO_NOT, "ruins so much"),
    ],
)
def test_answers_give_their_reason(
    weak: str, strong: str, switch: str, answer: Answer, says: str
) -> None:
    found = pilot(weak, strong, switch)
    assert found.answer is answer
    assert says in found.reason
    assert (found.play is None) or answer is Answer.UNDECIDED


def test_what_ended_before_the_switch_is_named_as_the_cause() -> None:
    found = pilot("0" * 25 + "1" * 25, "1" * 50, "0" * 25 + "1" * 25, early=25)
    assert found.answer is Answer.DO_NOT
    assert "fails has ended before the switch" in found.reason
    assert "of all units" in found.reason


def test_p_belongs_to_the_units_of_r_and_d() -> None:
    """A blind switch gains if and only if p > d / (r + d), with p of the units still running."""
    found = pilot("0" * 20 + "1" * 30, "1" * 50, "0" * 18 + "11" + "1" * 28 + "00", early=10)
    p, r, d = (one.value for one in (found.fails_there, found.recovery, found.disruption))
    gain = (p * r - (1 - p) * d) * found.fails_there.of / found.n
    assert gain == pytest.approx(found.blind_gain.value)
    rates = {name: value for name, value, _ in list_rates(found)}
    (named,) = [value for name, value in rates.items() if name.endswith(": p")]
    assert named.startswith(f"{found.fails_there.count} of {found.fails_there.of} ")


def test_every_interval_says_level_and_kind() -> None:
    found = pilot("0011", "1111", "0111", "0011")
    kinds = [kind for *_, kind in list_rates(found)]
    assert all("95 %" in kind for kind in kinds)
    assert {kind.split("'")[0] for kind in kinds} >= {"Tango", "Clopper and Pearson"}


def test_too_few_units_are_told_how_many_to_play() -> None:
    found = pilot("0" * 3 + "1" * 5, "1" * 8, "1" * 8)
    assert found.answer is Answer.UNDECIDED
    assert found.play is not None
    assert found.play >= 50


def test_values_are_plain_json() -> None:
    values = list_pilot_values(pilot("0011", "1111", "0111"))
    assert json.loads(json.dumps(values, allow_nan=False)) == values
    assert values["answer"] in [one.value for one in Answer]
    assert values["placebo"] is None
    assert values["recovery_of"] == 2
