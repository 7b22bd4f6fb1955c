"""Detector: known AUROC, no leak of time in a fixed window, alarms counted per episode."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from aegis.study.detection.detector_evaluation import evaluate_detector
from aegis.study.detection.detector_result import DetectorResult, ScoreResult
from aegis.study.outcomes import Outcomes
from aegis.study.play.small_tables import SCORES
from tests.study.rows import HORIZON, facts, plan, rows, score_table, study_rows, tables

WEAK = rows("weak", "0110100101" * 4)
FAILED = np.array([not row.success for row in WEAK])


def judge_scores(
    scores: dict[str, np.ndarray], episodes: list = WEAK, **changes: object
) -> DetectorResult:  # type: ignore[type-arg]
    outcomes = Outcomes.from_rows(episodes, ("weak",))
    table = score_table(list(outcomes.rows["weak"]), {k: v.tolist() for k, v in scores.items()})
    found = evaluate_detector(outcomes, table, plan(), facts(**changes))
    assert found is not None
    return found


def find_score(found: DetectorResult, name: str) -> ScoreResult:
    return next(score for score in found.scores if score.name == name)


def test_a_perfect_and_a_useless_score() -> None:
    found = judge_scores({"probe": FAILED * 0.8 + 0.1, "proprio": np.zeros(len(FAILED))})
    assert found.auroc_early.value == found.auroc_early_within_task.value == 1.0
    assert find_score(found, "proprio").windows[0].pooled.value == 0.5
    assert find_score(found, "proprio").baseline
    assert not find_score(found, "probe").baseline
    assert found.gain["proprio"].value == 0.5
    assert found.gain["proprio"].ci.low == 0.5
    assert [b.failed.value for b in found.reliability] == [0.0, 1.0]
    assert found.calibration_error == pytest.approx(0.1)


def test_task_alone_ranks_tasks_and_nothing_within() -> None:
    task = np.arange(40) % 2
    episodes = [replace(row, success=bool(row.task)) for row in WEAK]
    found = judge_scores({"probe": (1 - task) * 1.0}, episodes)
    assert found.auroc_early.value == 1.0
    assert np.isnan(found.auroc_early_within_task.value)


def test_time_leaks_only_where_episodes_have_ended() -> None:
    """In this study success comes at tick 10: a window of 4 ticks sees nothing, one of 12 all."""
    episodes = [replace(row, steps=10) if row.success else row for row in WEAK]
    found = judge_scores({"probe": FAILED * 1.0}, episodes)
    early, late = find_score(found, "time").windows
    assert (early.window, late.window) == (0.1, 0.3)
    assert (early.pooled.value, early.ended) == (0.5, 0)
    assert (late.pooled.value, late.ended) == (1.0, int((~FAILED).sum()))


def test_alarms_count_after_the_guard_and_when_unknown() -> None:
    risk = np.where(FAILED, 0.9, 0.1)
    risk[np.flatnonzero(~FAILED)[:3]] = np.nan
    found = judge_scores({"probe": risk}, guard=0.5)
    assert (found.alarms.count, found.alarms.of) == (FAILED.sum(), FAILED.sum())
    assert (found.false_alarms.count, found.false_alarms.of) == (3, (~FAILED).sum())
    short = [replace(row, steps=HORIZON // 2) for row in WEAK]
    assert judge_scores({"probe": risk}, short, guard=0.5).alarms.count == 0
    assert judge_scores({"probe": risk}, threshold=float("nan")).alarms.of == 0


def test_alarms_are_those_of_the_published_rule_whatever_score_is_judged() -> None:
    good, loud = FAILED * 1.0, np.ones(len(FAILED))
    found = judge_scores({"foresight": good, "probe": loud}, detector="foresight", alarm="probe")
    assert (found.name, found.alarm) == ("foresight", "probe")
    assert found.auroc_early.value == 1.0
    assert found.false_alarms.value == 1.0
    assert (
        judge_scores({"foresight": good, "probe": loud}, detector="foresight").false_alarms.value
        == 0
    )
    assert set(found.summarise_baselines()) == {"time", "task"}


def test_a_score_that_is_no_probability_has_no_reliability() -> None:
    found = judge_scores({"probe": FAILED * 5.0})
    assert found.reliability == ()
    assert np.isnan(found.calibration_error)


def test_pose_is_a_baseline_where_it_was_kept() -> None:
    """The pose tells the outcome from tick 10 on: a window of 4 ticks sees nothing of it."""
    outcomes = Outcomes.from_rows(WEAK, ("weak",))
    order = list(outcomes.rows["weak"])
    table = score_table(order, {"probe": [0.5] * len(order)})
    lost = {(row.task, row.start, row.index): not row.success for row in order}
    poses = [
        [float(r["k"] >= 10 and lost[r["task"], r["start"], r["index"]]), 1.0]
        for r in table.to_pylist()
    ]
    column = SCORES.names.index("proprio")
    kept = table.set_column(
        column, SCORES.field("proprio"), pa.array(poses, pa.list_(pa.float32()))
    )
    assert "proprio" not in [s.name for s in judge_scores({"probe": FAILED * 1.0}).scores]
    found = evaluate_detector(outcomes, kept, plan(), facts())
    assert found is not None
    early, late = find_score(found, "proprio").windows
    assert early.pooled.value == 0.5
    assert late.pooled.value == 1.0
    assert found.gain["proprio"].value == -0.5


def test_nothing_scored_is_no_detector() -> None:
    outcomes = Outcomes.from_rows(study_rows(), ("weak", "ours"))
    assert evaluate_detector(outcomes, SCORES.empty_table(), plan(), facts()) is None
    assert evaluate_detector(outcomes, tables().scores, plan(), facts(detector="other")) is None
