"""Studies: budgets are matched, figures are right, and all of it can be repeated."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from aegis.core.errors import CalibrationError, ConfigError, PairingError, UnknownNameError
from aegis.gates.bernoulli import RandomGate
from aegis.gates.conformal import ConformalGate
from aegis.gates.schedule import ScheduleGate
from aegis.run.arm import Arm
from aegis.run.match import Budget, match_random, match_schedule
from aegis.run.paired import Machine, Matching, run_study
from aegis.run.rows import EpisodeRow
from aegis.run.sink import NullSink
from aegis.run.study import Study, format_study, summarise
from aegis.run.unit import Split, units
from tests.fakes import ToyWorld
from tests.run.toyrun import HORIZON, controller, toy_arms, toy_plan, toy_policies


def row(
    arm: str, index: int, success: bool, strong: int = 0, holds: tuple[int, ...] = ()
) -> EpisodeRow:
    return EpisodeRow(
        root=7, suite="toy", task=index % 2, start="wide", index=index, arm=arm, instruction="go",
        success=success, stop="success" if success else "horizon", steps=40, strong_steps=strong,
        weak_steps=40 - strong, fires=len(holds), first_fire_k=None, handover_k=None, holds=holds,
        asks=(("weak", 10),), digest="", final="",
    )  # fmt: skip


def rows(arm: str, outcomes: str, strong: int = 0) -> list[EpisodeRow]:
    return [row(arm, i, c == "1", strong) for i, c in enumerate(outcomes)]


def small() -> Study:
    episodes = rows("weak", "1100000000") + rows("blind", "1010000000", 10)
    episodes += rows("random", "0111000000", 10) + rows("aegis", "1011111100", 10)
    return summarise(episodes, ("weak", "blind", "random", "aegis"), {})


def test_figures() -> None:
    study = small()
    aegis = study.arms[-1]
    assert (aegis.success.count, aegis.recovered.count, aegis.recovered.of) == (7, 6, 8)
    assert (aegis.disrupted.count, aegis.disrupted.of) == (1, 2)
    assert aegis.duty == 0.25
    assert aegis.asks == {"weak": 10}
    by = {(c.units, c.against): c for c in study.contrasts}
    assert set(by) == {("all", "blind"), ("all", "random"), ("all", "weak")} | {
        ("weak failures", "blind"),
        ("weak failures", "random"),
    }
    blind = by["weak failures", "blind"]
    assert (blind.outcome.recovered, blind.outcome.disrupted) == (5, 0)
    assert blind.p == pytest.approx(1 / 32)
    assert blind.p_holm == pytest.approx(2 / 32)
    assert blind.difference == pytest.approx(5 / 8)


def test_no_failures_is_said_not_raised(tmp_path: Path) -> None:
    episodes = [*rows("weak", "11"), *rows("blind", "11"), *rows("random", "11")]
    study = summarise(episodes + rows("aegis", "11"), ("weak", "blind", "random", "aegis"), {})
    assert {c.p for c in study.contrasts} == {1.0}
    study.save(tmp_path / "study.json")
    assert json.loads((tmp_path / "study.json").read_text())["contrasts"][-1]["difference"] is None


def test_text_has_every_arm_and_contrast() -> None:
    text = format_study(small())
    assert "aegis against" in text
    assert all(word in text for word in ("weak", "blind", "random", "6/8", "weak failures"))
    assert max(map(len, text.splitlines())) <= 130


def test_arms_must_share_units() -> None:
    episodes = rows("weak", "110") + rows("aegis", "11")
    with pytest.raises(PairingError, match="not run on the same units"):
        summarise(episodes, ("weak", "aegis"), {}, against=("weak",))
    with pytest.raises(UnknownNameError, match="Unknown arm 'blind'"):
        summarise(episodes, ("weak", "aegis"), {})


def test_matching_finds_known_answers() -> None:
    """Duty of one hand-over falls with its tick; duty of chance rises with its rate."""
    budget = Budget(0.38, (3, 4, 5))

    def schedule(gate: ScheduleGate) -> float:
        assert gate.period is None
        return 0.7 * (1 - gate.start_tick / 220) ** 2

    base = ScheduleGate(start_tick=0, holds=(1,))
    blind = match_schedule(budget, base, 5, 220, schedule, 0.01, 8)
    assert blind.duty == pytest.approx(0.38, abs=0.01)
    coarse = match_schedule(budget, base, 60, 220, schedule, 0.001, 8)
    assert coarse.gate.start_tick == 60
    assert len(coarse.tried) <= 3
    assert blind.gate.holds == (3, 4, 5)
    assert len(blind.tried) <= 8
    coin = match_random(budget, RandomGate(0.5, (1,)), lambda gate: 0.6 * gate.rate**0.5, 0.005, 12)
    assert coin.duty == pytest.approx(0.38, abs=0.005)
    most = match_random(budget, RandomGate(0.5, (1,)), lambda gate: 0.2 * gate.rate, 0.005, 9)
    assert most.gate.rate == 1.0


def test_a_gate_that_never_fires_cannot_be_matched() -> None:
    with pytest.raises(CalibrationError, match="never handed over in 3 calibration episodes"):
        Budget.of(rows("aegis", "111"))


def machine() -> Machine:
    world = partial(ToyWorld, horizon=HORIZON, p_hard=0.8)
    return Machine(toy_policies(), world, NullSink(), 1, 4)


def study_plan() -> tuple[object, Matching]:
    arms = tuple(arm for arm in toy_arms() if arm.name != "random")
    coin = controller(RandomGate(rate=0.2, holds=(1,)))
    plan = replace(toy_plan(16), arms=(*arms, Arm("random", coin)))
    calibration = units(7, "toy", (0, 1), "wide", Split.CALIBRATION, 8)
    return plan, Matching(calibration, tolerance=0.02, tries=3)


def test_a_study_end_to_end_and_again(tmp_path: Path) -> None:
    plan, matching = study_plan()
    study = run_study(plan, matching, machine(), tmp_path)
    arms = {arm.name: arm for arm in study.arms}
    assert arms["strong"].success.value > arms["weak"].success.value
    assert arms["aegis"].recovered.count > 0
    for name in ("blind", "random"):
        assert abs(study.facts[name]["duty"] - study.facts[name]["target"]) < 0.1
    before = {p: p.read_bytes() for p in tmp_path.rglob("*.parquet")}
    assert run_study(plan, matching, machine(), tmp_path) == study
    assert all(p.read_bytes() == data for p, data in before.items())


def test_calibration_and_test_must_be_apart(tmp_path: Path) -> None:
    plan, matching = study_plan()
    with pytest.raises(ConfigError, match="8 units are in both calibration and test"):
        run_study(replace(plan, units=matching.units), matching, machine(), tmp_path)
    arms = tuple(
        replace(arm, controller=controller(ConformalGate(1.0))) if arm.name == "blind" else arm
        for arm in plan.arms
    )
    with pytest.raises(ConfigError, match="Arm 'blind' needs a ScheduleGate"):
        run_study(replace(plan, arms=arms), matching, machine(), tmp_path)
