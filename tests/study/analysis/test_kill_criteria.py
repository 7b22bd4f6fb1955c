"""Kill criteria: each strikes when it should, and not before."""

from __future__ import annotations

from dataclasses import replace

from aegis.records.rows import EpisodeRow
from aegis.stats.intervals import Interval
from aegis.study.analysis.arm_results import describe_arms
from aegis.study.analysis.claim import compose_claim
from aegis.study.analysis.families import compare_families
from aegis.study.analysis.kill_criteria import (
    KillResult,
    evaluate_common_prefix,
    evaluate_early_auroc,
    evaluate_kill_criteria,
)
from aegis.study.detection.detector_evaluation import evaluate_detector
from aegis.study.estimates import Estimate
from aegis.study.outcomes import Outcomes
from aegis.study.plan.study_plan import KillCriteria, StudyPlan
from tests.study.rows import ARMS, facts, plan, row, rows, study_rows, tables


def list_struck(what: StudyPlan, episodes: list[EpisodeRow] | None = None) -> set[str]:
    outcomes = Outcomes.from_rows(episodes or list(tables().episodes), ARMS)
    detector = evaluate_detector(outcomes, tables().scores, what, facts())
    arms = describe_arms(outcomes, "weak", {}, facts())
    found = evaluate_kill_criteria(outcomes, what, arms, detector)
    names = ["early_auroc", "duty", "common_prefix", "floor", "ceiling"]
    assert [kill.name for kill in found] == names
    return {kill.name for kill in found if kill.killed}


def test_none_strikes_in_a_sound_study() -> None:
    assert list_struck(plan()) == set()


def test_each_strikes_at_its_bound() -> None:
    assert list_struck(plan(kill=KillCriteria(0.999, 0.3, 0.03, 0.97))) == {"early_auroc"}
    assert list_struck(plan(kill=KillCriteria(0.5, 0.2, 0.03, 0.97))) == {"duty"}
    assert list_struck(plan(kill=KillCriteria(0.5, 0.3, 0.6, 0.97))) == {"floor"}
    assert list_struck(plan(kill=KillCriteria(0.5, 0.3, 0.03, 0.1))) == {"ceiling"}


def test_what_was_not_measured_has_struck() -> None:
    found = evaluate_early_auroc(plan(), None)
    assert found.killed
    assert found.measured == "not measured: no scores"
    outcomes = Outcomes.from_rows(list(tables().episodes), ARMS)
    detector = evaluate_detector(outcomes, tables().scores, plan(), facts())
    assert detector is not None
    nan = float("nan")
    unknown = Estimate(nan, Interval(nan, nan))
    assert evaluate_early_auroc(plan(), replace(detector, auroc_early_within_task=unknown)).killed


def judge_common_prefix(*episodes: EpisodeRow) -> KillResult:
    return evaluate_common_prefix(
        Outcomes.from_rows([*rows("weak", "01"), *episodes], ("weak", "ours")), "weak"
    )


def test_a_broken_common_prefix() -> None:
    quiet = [row("ours", 0, False), row("ours", 1, True)]
    assert not judge_common_prefix(*quiet).killed
    assert "2 never handed over" in judge_common_prefix(*quiet).measured
    assert judge_common_prefix(replace(quiet[0], digest="other"), quiet[1]).killed
    assert judge_common_prefix(replace(quiet[0], success=True), quiet[1]).killed
    helped = row("ours", 0, True, strong=10, handover=8, digest="other")
    assert not judge_common_prefix(helped, quiet[1]).killed
    weak = [row("weak", 0, True, steps=8), row("weak", 1, True)]
    broken = Outcomes.from_rows([*weak, helped, quiet[1]], ("weak", "ours"))
    assert evaluate_common_prefix(
        broken, "weak"
    ).killed  # it was helped after the reference had ended


def write_claim(what: StudyPlan, episodes: list[EpisodeRow], *, exploratory: bool = False) -> str:
    outcomes = Outcomes.from_rows(episodes, ARMS)
    arms = describe_arms(outcomes, "weak", {}, facts())
    contrasts = [c for c in compare_families(outcomes, what, 50) if c.is_primary]
    detector = evaluate_detector(outcomes, tables().scores, what, facts())
    kills = evaluate_kill_criteria(outcomes, what, arms, detector)
    ours = next(arm for arm in arms if arm.name == "ours")
    return compose_claim(ours, "weak", contrasts, kills, exploratory=exploratory)


def test_the_claim_says_how_it_ended() -> None:
    good = study_rows()
    said = write_claim(plan(), good)
    assert said.startswith("Confirmed: with the strong policy driving 25.0\u00a0% of steps, ours ")
    assert "all 2 planned contrasts hold, the hardest over " in said
    assert write_claim(plan(), good, exploratory=True).startswith(
        "Exploratory, not locked beforehand"
    )
    killed = plan(kill=KillCriteria(0.5, 0.2, 0.03, 0.97))
    assert write_claim(killed, good).startswith("Killed by duty, so this is no evidence: ")
    tie = [replace(r, arm="ours") if r.arm == "blind" else r for r in good if r.arm != "ours"]
    tie += [r for r in good if r.arm == "blind"]
    assert write_claim(plan(), tie).startswith("Not confirmed: ")
    said = write_claim(plan(), tie)
    assert "none of 2 planned contrasts holds; not: over blind (0.0\u00a0pp, " in said
    half = [r for r in good if r.arm != "blind"]
    half += [replace(r, arm="blind") for r in good if r.arm == "ours"]
    said = write_claim(plan(), half)
    assert said.startswith("Confirmed in part: ")
    assert "1 of 2 planned contrasts holds; not: over blind (0.0\u00a0pp, Holm's p" in said
    assert "over random" not in said
