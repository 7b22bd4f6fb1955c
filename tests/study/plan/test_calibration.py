"""Calibration: dials are set in an order that works, on what was really played."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pytest

from aegis.core.controller import Controller
from aegis.core.errors import CalibrationError, ConfigError, UnknownNameError
from aegis.core.ladder import Ladder
from aegis.gates.bernoulli import RandomGate
from aegis.gates.conformal import ConformalGate
from aegis.gates.constant import NeverGate
from aegis.gates.lead import LeadSwitch
from aegis.gates.rescue import RescueGate
from aegis.gates.schedule import ScheduleGate
from aegis.records.rows import EpisodeRow
from aegis.records.schemas import STEP_SCHEMA
from aegis.records.store import RunTables
from aegis.study.plan.calibration import Calibrator
from aegis.study.plan.dials import ConfigNode, PlannedDial, find_dial
from aegis.study.plan.study_plan import Budget
from aegis.study.plan.uncalibrated_arms import UncalibratedArms
from tests.fakes import FakeDetector, toy_embodiment
from tests.study.rows import plan, row

NODES: Mapping[str, ConfigNode] = {
    "weak": {"gate": {}},
    "blind": {"gate": {"start_tick": 0, "holds": [9]}},
    "random": {"gate": {"rate": 0.5, "holds": [9]}},
    "ours": {"gate": {"threshold": 0.5, "score": "probe"}, "salt": {}},
    "reseed": {"strong": "reseed", "salt": {"reseed": 1}},
}
DIALS = {
    "blind": PlannedDial("start", "ours", "ours"),
    "random": PlannedDial("rate", "ours", "ours"),
    "ours": PlannedDial("threshold"),
}
GATES = {
    "weak": NeverGate,
    "blind": ScheduleGate,
    "random": RandomGate,
    "ours": ConformalGate,
    "reseed": ConformalGate,
}
PLAN = replace(plan(), budget=Budget(0.25, 0.3, 0.03))


@dataclass(frozen=True)
class Tables(RunTables):
    """Tables that lie nowhere: the reference was scored 0.00 to 0.99."""

    def read_steps(self) -> pa.Table:
        steps = [
            {"boundary": i % 2 == 0, "scores": [("probe", i / 100), ("other", 5.0 + i)]}
            for i in range(100)
        ]
        return pa.Table.from_pylist(steps, schema=STEP_SCHEMA)


def build_controller(name: str, node: ConfigNode) -> Controller:
    """Builds the controller of an arm of ``NODES``."""
    settings = dict(node["gate"])
    make = RescueGate if "rescue" in settings else GATES[name]
    return Controller(
        toy_embodiment(), LADDER, 40, (FakeDetector(),),
        make(**settings), LeadSwitch((3,)), 2, "weak",
    )  # fmt: skip


LADDER = Ladder.pair("weak", "strong", {"weak": 4, "strong": 4})


class Game:
    """Plays arms by formula: what each of them spends follows from its setting."""

    def __init__(self) -> None:
        self.folders: list[str] = []

    def play(self, name: str, node: ConfigNode, folder: str) -> RunTables:
        self.folders.append(folder)
        return Tables(Path(), tuple(self.rows(name, node["gate"])))

    def rows(self, name: str, gate: Mapping[str, float]) -> list[EpisodeRow]:
        duty = {
            "weak": lambda: 0.0,
            "ours": lambda: 1 - gate["threshold"],
            "blind": lambda: 1 - gate["start_tick"] / 40,
            "random": lambda: gate["rate"] ** 0.5,
        }[name]()
        strong = round(40 * duty)
        return [
            replace(row(name, i, i % 2 == 0, strong=strong), holds=(2, 3) if strong else ())
            for i in range(4)
        ]


def make_calibrator(
    game: Game, arms: UncalibratedArms | None = None, **changes: object
) -> Calibrator:
    fields = {
        "plan": PLAN, "arms": arms or UncalibratedArms(NODES, DIALS, {"reseed": "ours"}),
        "play": game.play, "chunk": 5, "horizon": 40, "tries": 8, "tell": lambda _: None,
        "build": build_controller, **changes,
    }  # fmt: skip
    return Calibrator(**fields)


def test_dials_are_set_for_the_budget_then_for_the_arm_that_met_it() -> None:
    game = Game()
    one = make_calibrator(game)
    nodes = one.set_dials()
    assert list(nodes) == list(NODES)
    assert one.reached["ours"].duty == pytest.approx(0.25, abs=0.031)
    target = one.reached["ours"].duty
    assert {one.reached[name].target for name in ("blind", "random")} == {target}
    assert one.reached["random"].duty == pytest.approx(target, abs=0.031)
    assert nodes["blind"]["gate"]["holds"] == [2, 3] * 4, "as the arm under test held"
    assert nodes["ours"]["gate"]["threshold"] == one.reached["ours"].setting
    for reached in one.reached.values():
        assert reached.setting in [attempt.setting for attempt in reached.tried]


def test_a_threshold_is_one_of_the_scores_at_boundaries() -> None:
    one = make_calibrator(Game())
    one.set_dials()
    tried = {attempt.setting for attempt in one.reached["ours"].tried}
    assert tried <= {i / 100 for i in range(0, 100, 2)}, "those of another score are none of it"


def test_a_threshold_on_two_scores_is_one_of_the_differences_of_chances() -> None:
    two = {"gate": {"threshold": 0.5, "risk": "probe", "rescue": "other"}}
    one = make_calibrator(
        Game(), UncalibratedArms({**NODES, "ours": two}, DIALS, {"reseed": "ours"})
    )
    one.set_dials()
    tried = [attempt.setting for attempt in one.reached["ours"].tried]
    assert set(tried) <= {i / 100 for i in range(-100, 101)}
    assert one.reached["ours"].duty == pytest.approx(0.25, abs=0.031)


def test_the_placebo_takes_over_what_was_set_and_no_dial() -> None:
    nodes = {**NODES, "ours": {**NODES["ours"], "dial": {"kind": "threshold"}}}
    found = make_calibrator(Game(), UncalibratedArms(nodes, DIALS, {"reseed": "ours"})).set_dials()
    assert found["reseed"]["gate"] == found["ours"]["gate"]
    assert found["reseed"]["salt"] == {"reseed": 1}
    assert "dial" not in found["reseed"]


def test_nothing_is_played_twice_and_all_that_was_is_kept() -> None:
    game = Game()
    one = make_calibrator(game)
    one.set_dials()
    settings = [f"{played.arm} {played.words}" for played in one.played]
    assert len(settings) == len(set(settings))
    tried = sum(len(reached.tried) for reached in one.reached.values())
    assert len(settings) == tried + 2, "the reference, and ours once more as the target"


def test_the_best_of_several_ticks_is_kept() -> None:
    class Late(Game):
        def rows(self, name: str, gate: Mapping[str, float]) -> list[EpisodeRow]:
            if name != "blind":
                return super().rows(name, gate)
            strong = round(4 * sum(gate["holds"]) / len(gate["holds"]))
            solved = gate["start_tick"] == 10
            return [replace(row(name, i, solved, strong=min(strong, 40))) for i in range(4)]

    dials = {"blind": PlannedDial("stint", starts=(0, 10, 20))}
    one = make_calibrator(Late(), UncalibratedArms(NODES, dials, {"reseed": "ours"}))
    nodes = one.set_dials()
    assert nodes["blind"]["gate"]["start_tick"] == 10
    assert one.reached["blind"].success == 1.0
    assert {attempt.start for attempt in one.reached["blind"].tried} == {0, 10, 20}


def test_an_arm_that_never_hands_over_leaves_nothing_to_match() -> None:
    nodes = {**NODES, "ours": {"gate": {"threshold": 1.0}}}
    with pytest.raises(CalibrationError, match="'ours' never handed over"):
        make_calibrator(
            Game(), UncalibratedArms(nodes, {"random": PlannedDial("rate", "ours")}, {})
        ).set_dials()


def test_arms_that_wait_for_each_other_are_named() -> None:
    arms = UncalibratedArms(
        NODES, {"blind": PlannedDial("start", "random"), "random": PlannedDial("rate", "blind")}, {}
    )
    with pytest.raises(ConfigError, match="wait for each other: blind, random"):
        make_calibrator(Game(), arms).set_dials()
    with pytest.raises(UnknownNameError, match=r"Unknown arm 'our'.*Did you mean 'ours'"):
        UncalibratedArms(NODES, {"blind": PlannedDial("start", "our")}, {})


def test_a_dial_that_no_rule_has_is_named_before_anything_is_played() -> None:
    game = Game()
    for kind, starts, error in (
        ("strat", (), "Unknown kind of dial 'strat' in arm blind. Did you mean 'start'"),
        ("rate", (), "Unknown kind of dial 'rate' in arm blind"),
        ("stint", (), "needs ticks to choose from"),
        ("start", (5, 10), "has no ticks to choose from"),
    ):
        dials = {**DIALS, "blind": PlannedDial(kind, "ours", starts=starts)}
        with pytest.raises((ConfigError, UnknownNameError), match=error):
            make_calibrator(game, UncalibratedArms(NODES, dials, {"reseed": "ours"})).set_dials()
    assert game.folders == []


def test_the_dial_of_a_switch_is_found() -> None:
    dial = find_dial("blind", PlannedDial("lead"), build_controller("blind", NODES["blind"]))
    assert (dial.key, dial.dial.rises) == ("switch.holds", True)
    with pytest.raises(ConfigError, match="'switch' is a value"):
        dial.apply_setting({"gate": {}, "switch": 3}, 1.4)
