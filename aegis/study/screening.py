"""Screening: plays the reference arm first, and stops a study that it alone decides against."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from aegis.core.errors import StudyKilledError
from aegis.fleet.run_plan import Plan, identity
from aegis.records.files import write_atomic
from aegis.records.store import Store
from aegis.study.analysis.arm_results import arm_results
from aegis.study.analysis.kill_criteria import KillResult, early_auroc, reference_range
from aegis.study.detection.detector import detector_result
from aegis.study.outcomes import Outcomes
from aegis.study.plan.context import Facts
from aegis.study.plan.study_plan import StudyPlan
from aegis.study.play.execution import Machine
from aegis.study.play.small_tables import StudyTables, distil

FOLDER = "reference"


def play_reference(
    plan: Plan, study: StudyPlan, facts: Facts, machine: Machine, out: Path
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
    place = out / FOLDER
    alone = tuple(arm for arm in plan.arms if arm.name == study.reference)
    episodes = machine.run(replace(plan, arms=alone), place).episodes
    distil(place, [study.reference], study.reference)
    outcomes = Outcomes.of(episodes, [study.reference])
    (arm,) = arm_results(outcomes, study.reference, {}, facts)
    detector = detector_result(outcomes, StudyTables.load(place).scores, study, facts)
    criteria = (early_auroc(study, detector), *reference_range(study, arm))
    struck = [one for one in criteria if one.killed]
    if struck:
        said = "; ".join(f"{one.name}: {one.rule}; measured: {one.measured}" for one in struck)
        raise StudyKilledError(
            f"The plan stops this study. {said}. The reference's {outcomes.n} episodes are in "
            f"{place}; no other arm was played. Improve on training and calibration units, and "
            "lock another study on fresh test units (start.offset)."
        )
    _hand_on(plan, study.reference, machine, place, out)
    return criteria


def _hand_on(plan: Plan, reference: str, machine: Machine, place: Path, out: Path) -> None:
    """Copies the reference's finished episodes, so that they are not played twice."""
    source, target = Store(place), Store(out)
    target.open(identity(plan, machine.policies), plan.notes, plan.config)
    for key in plan.units:
        if target.read(key, reference) is None:
            write_atomic(target.path(key, reference), source.path(key, reference).read_bytes())
