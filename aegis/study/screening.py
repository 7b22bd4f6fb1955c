"""Screening: plays the reference arm first, and stops a study that its result already rules out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from aegis.core.errors import StudyKilledError
from aegis.fleet.run_plan import RunPlan, compute_identity
from aegis.records.store import RunStore
from aegis.study.analysis.arm_results import describe_arms
from aegis.study.analysis.kill_criteria import (
    KillResult,
    evaluate_early_auroc,
    evaluate_reference_range,
)
from aegis.study.detection.detector_evaluation import evaluate_detector
from aegis.study.outcomes import Outcomes
from aegis.study.plan.context import AnalysisContext
from aegis.study.plan.study_plan import StudyPlan
from aegis.study.play.execution import StudyExecutor
from aegis.study.play.small_tables import StudyTables, write_small_tables

REFERENCE_FOLDER = "reference"


def play_reference(
    plan: RunPlan, study: StudyPlan, facts: AnalysisContext, machine: StudyExecutor, out: Path
) -> tuple[KillResult, ...]:
    """Plays the reference on all units, evaluates what it decides, and hands its episodes on.

    Args:
        plan: All arms on the test units.
        study: The criteria.
        facts: What else an analysis needs.
        machine: What it runs on.
        out: Run folder of the study; the reference has a folder of its own in it.

    Returns:
        The criteria, none of which struck.

    Raises:
        StudyKilledError: If one did.
    """
    place = out / REFERENCE_FOLDER
    alone = tuple(arm for arm in plan.arms if arm.name == study.reference)
    episodes = machine.execute_plan(replace(plan, arms=alone), place).episodes
    write_small_tables(place, [study.reference], study.reference)
    outcomes = Outcomes.from_rows(episodes, [study.reference], facts.tasks)
    (arm,) = describe_arms(outcomes, study.reference, {}, facts)
    detector = evaluate_detector(outcomes, StudyTables.read_folder(place).scores, study, facts)
    criteria = (evaluate_early_auroc(study, detector), *evaluate_reference_range(study, arm))
    struck = [one for one in criteria if one.killed]
    if struck:
        said = "; ".join(f"{one.name}: {one.rule}; measured: {one.measured}" for one in struck)
        raise StudyKilledError(
            f"The plan stops this study. {said}. The reference's {outcomes.n} episodes are in "
            f"{place}; no other arm was played. Improve on training and calibration units, and "
            "lock another study on fresh test units (start.offset)."
        )
    _copy_reference(plan, study.reference, machine, place, out)
    return criteria


def _copy_reference(
    plan: RunPlan, reference: str, machine: StudyExecutor, place: Path, out: Path
) -> None:
    """Copies the reference's finished episodes, so that they are not played twice."""
    source, target = RunStore(place), RunStore(out)
    target.open_run(compute_identity(plan, machine.policies), plan.notes, plan.config)
    for key in plan.units:
        if target.read_episode_row(key, reference) is None:
            target.copy_episode(source, key, reference)
