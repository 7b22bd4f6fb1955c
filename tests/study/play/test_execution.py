"""Playing: blocks of a sequential study, splits, fork sets, and the placebo's policy."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from aegis.core.errors import ConfigError
from aegis.core.ladder import RESEED
from aegis.core.protocols import Policy
from aegis.fleet.progress import NullSink
from aegis.fleet.run_plan import RunPlan
from aegis.fleet.units import Split, list_units
from aegis.study.plan.study_plan import PlannedContrast
from aegis.study.play.execution import StudyExecutor, check_splits, fork_arms, is_decided, play_arms
from tests.fakes import ToyWorld
from tests.fleet.toyrun import HORIZON, toy_arms, toy_plan, toy_policies
from tests.study.rows import plan, rows

WORLD = partial(ToyWorld, horizon=HORIZON, p_hard=0.8)
ALL = {arm.name: arm for arm in toy_arms()}


def make_policies() -> dict[str, Policy]:
    return dict(toy_policies())


def make_executor() -> StudyExecutor:
    return StudyExecutor(make_policies(), WORLD, NullSink(), 1, 4)


@pytest.mark.slow
def make_duel(count: int) -> RunPlan:
    return toy_plan(count, (ALL["weak"], ALL["strong"]))


def test_a_sequential_study_stops_when_decided_and_only_at_a_look(tmp_path: Path) -> None:
    contrast = (PlannedContrast("strong", "weak"),)
    study = plan(stopping="sequential", looks=(4, 12, 20), contrasts=contrast)
    early = play_arms(make_duel(24), study, make_executor(), tmp_path / "early")
    played = {row.key for row in early.episodes}
    assert len(played) == 12, "strong wins nearly every discordant unit, but not within 4"
    assert played == set(make_duel(24).units[:12]), "the first units of the plan"
    fixed = play_arms(make_duel(24), plan(contrasts=contrast), make_executor(), tmp_path / "fixed")
    assert len(fixed.episodes) == 48
    again = play_arms(make_duel(24), study, make_executor(), tmp_path / "early")
    assert again == early


def test_each_superiority_must_be_decided_for() -> None:
    won, lost = rows("ours", "1" * 16), rows("blind", "0" * 16)
    study = plan(contrasts=(PlannedContrast("ours", "blind"),))
    assert is_decided(study, won + lost)
    assert not is_decided(study, rows("ours", "0" * 16) + rows("blind", "1" * 16))
    both = plan(contrasts=(*study.contrasts, PlannedContrast("ours", "random")))
    assert not is_decided(both, won + lost + rows("random", "1" * 16))
    noninferior = PlannedContrast("ours", "strong", "noninferior")
    assert is_decided(plan(contrasts=(*study.contrasts, noninferior)), won + lost)


def test_a_sequential_study_without_a_superiority_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"plan\.stopping=fixed"):
        plan(
            stopping="sequential",
            looks=(4,),
            contrasts=(PlannedContrast("ours", "strong", "noninferior"),),
        )


def test_splits_must_be_apart_and_what_they_say() -> None:
    calibration = list_units(7, "toy", (0, 1), "wide", Split.CALIBRATION, 8)
    test = list_units(7, "toy", (0, 1), "wide", Split.TEST, 8)
    training = list_units(7, "toy", (0, 1), "wide", Split.TRAINING, 8)
    check_splits(calibration, test)
    with pytest.raises(ConfigError, match="8 units are in both calibration and test"):
        check_splits(calibration, calibration)
    with pytest.raises(ConfigError, match="8 test units of this study lie in the training split"):
        check_splits(calibration, training)


def test_forks_take_over_at_their_tick_and_keep_control(tmp_path: Path) -> None:
    arms = fork_arms(ALL["weak"], (0, 8, 20))
    names = [arm.name for arm in arms]
    assert names == ["weak", *(f"{w}_at_{t:03d}" for w in ("strong", RESEED) for t in (0, 8, 20))]
    found = make_executor().execute_plan(toy_plan(6, arms), tmp_path).episodes
    first = {row.key: row for row in found if row.arm == "weak"}
    for row in found:
        tick = 0 if row.arm == "weak" else int(row.arm[-3:])
        if row.arm == "weak" or first[row.key].steps <= tick:
            assert row.strong_steps == 0
        else:
            assert row.strong_steps == row.steps - tick, "everything from that tick to the end"
    reseeded = [row for row in found if row.arm == "reseed_at_000"]
    assert all(row.final != first[row.key].final for row in reseeded), "the noise is fresh"


def test_forks_start_at_boundaries() -> None:
    with pytest.raises(ConfigError, match=r"multiples of 4 control steps. Got: \[6\]"):
        fork_arms(ALL["weak"], (0, 6))


def test_the_placebo_is_the_weak_policy_with_fresh_noise(tmp_path: Path) -> None:
    weak, *forks = fork_arms(ALL["weak"], (0,))
    strong, placebo = (fork.controller.ladder.rungs[1] for fork in forks)
    assert (strong.source, placebo.source) == (("strong", 0), ("weak", 1))
    assert placebo.name == RESEED, "rows tell it from the weak policy"
    plan = toy_plan(6, (weak, forks[1]), audit=0.0)
    tables = make_executor().execute_plan(plan, tmp_path / "placebo")
    digests = [
        {row.key: row.digest for row in tables.episodes if row.arm == arm.name} for arm in plan.arms
    ]
    assert all(digests[0][key] != digests[1][key] for key in plan.units), "other noise"
    asks = {dict(row.asks).get(RESEED) for row in tables.episodes if row.arm == forks[1].name}
    assert None not in asks
