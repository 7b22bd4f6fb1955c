"""Screening: the reference is played first, once, and may end the study."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from aegis.core.errors import StudyKilledError
from aegis.study.plan.study_plan import KillCriteria, PlannedContrast
from aegis.study.play.execution import play_arms
from aegis.study.screening import play_reference
from tests.fleet.toyrun import HORIZON, Recorder, tables, toy_plan
from tests.study.play.test_execution import ALL, make_executor
from tests.study.rows import facts, plan

PLAN = toy_plan(24, (ALL["weak"], ALL["strong"]))
FACTS = facts(detector="trunk", threshold=1.0, guard=0.0, horizon=HORIZON)
STUDY = plan(
    contrasts=(PlannedContrast("strong", "weak"),), kill=KillCriteria(0.0, 1.0, 0.0, 1.0, True)
)


def test_a_study_that_passes_is_as_if_it_had_been_played_at_once(tmp_path: Path) -> None:
    sink = Recorder()
    criteria = play_reference(PLAN, STUDY, FACTS, make_executor(), tmp_path / "a")
    assert {one.name for one in criteria} == {"early_auroc", "floor", "ceiling"}
    play_arms(PLAN, STUDY, replace(make_executor(), sink=sink), tmp_path / "a")
    assert sink.totals == (48, 24), "the reference is not played again"
    play_arms(PLAN, STUDY, make_executor(), tmp_path / "b")
    assert tables(tmp_path / "a") == tables(tmp_path / "b")


@pytest.mark.parametrize(
    ("kill", "says"),
    [
        (KillCriteria(1.1, 1.0, 0.0, 1.0, True), "early_auroc: lower bound"),
        (KillCriteria(0.0, 1.0, 0.9, 1.0, True), "floor: "),
        (KillCriteria(0.0, 1.0, 0.0, 0.01, True), "ceiling: "),
    ],
)
def test_a_criterion_that_strikes_ends_it_before_any_other_arm(
    kill: KillCriteria, says: str, tmp_path: Path
) -> None:
    with pytest.raises(StudyKilledError, match=says) as caught:
        play_reference(PLAN, replace(STUDY, kill=kill), FACTS, make_executor(), tmp_path)
    assert "24 episodes" in str(caught.value)
    assert not (tmp_path / "parts").exists()
