"""Expectation: what an arm would spend if help changed nothing, which can be played."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from aegis.core.controller import Controller
from aegis.core.ladder import Ladder, Rung
from aegis.core.protocols import Gate
from aegis.fleet.arm import Arm
from aegis.gates.bernoulli import RandomGate
from aegis.gates.conformal import ConformalGate
from aegis.gates.constant import AlwaysGate, NeverGate
from aegis.gates.lead import LeadSwitch
from aegis.gates.schedule import ScheduleGate
from aegis.gates.switch import HysteresisSwitch
from aegis.records.store import RunTables
from aegis.study.plan.forecast import ScoredEpisode, forecast_duty, read_scored_episodes
from aegis.study.plan.search import Spending
from tests.fleet.toyrun import controller, toy_plan, toy_run

GATES: dict[str, Gate] = {
    "once": ScheduleGate(8, (2, 3)),
    "often": ScheduleGate(4, (1,), period=8, fires_fraction=1.0),
    "random": RandomGate(0.3, (1, 2), guard_fraction=0.1, fires_fraction=1.0),
    "risk": ConformalGate(0.2, guard_fraction=0.1, fires_fraction=0.05, score="trunk"),
    "all": AlwaysGate(),
}
STAY = HysteresisSwitch(release=-math.inf, max_chunks=None)


def make_arms() -> dict[str, Controller]:
    found = {name: controller(gate) for name, gate in GATES.items()}
    found["stays"] = replace(found["risk"], switch=STAY)
    found["brief"] = replace(found["risk"], switch=HysteresisSwitch(0.9, 1, 2))
    found["lead"] = replace(controller(NeverGate(), first="strong"), switch=LeadSwitch((2, 3)))
    return {"weak": controller(NeverGate()), **found}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunTables:
    """The policy that helps is the weak one under another name, so no help changes anything."""
    rungs = (Rung("weak", 4), Rung("strong", 4, policy="weak"))
    ladder = Ladder(rungs, fallback=None)
    played = tuple(Arm(name, replace(one, ladder=ladder)) for name, one in make_arms().items())
    return toy_run(tmp_path_factory.mktemp("same"), toy_plan(16, played))


@pytest.fixture(scope="module")
def courses(run: RunTables) -> tuple[ScoredEpisode, ...]:
    return read_scored_episodes(run, "weak")


@pytest.mark.parametrize("name", list(make_arms()))
def test_where_help_changes_nothing_the_expectation_is_what_is_spent(
    run: RunTables, courses: tuple[ScoredEpisode, ...], name: str
) -> None:
    spent = Spending.from_rows([row for row in run.episodes if row.arm == name]).duty
    assert forecast_duty(make_arms()[name], courses) == spent
    assert (spent > 0) == (name != "weak")


def test_it_rises_as_a_threshold_falls(courses: tuple[ScoredEpisode, ...]) -> None:
    gates = [ConformalGate(i / 20, guard_fraction=0.0, score="trunk") for i in range(-20, 200, 5)]
    found = [forecast_duty(replace(make_arms()["stays"], gate=gate), courses) for gate in gates]
    assert found == sorted(found, reverse=True)
    assert found[0] > found[-1] == 0.0


def test_without_episodes_nothing_is_expected(run: RunTables, tmp_path: Path) -> None:
    assert read_scored_episodes(run, "nobody") == ()
    assert math.isnan(forecast_duty(make_arms()["once"], ()))
