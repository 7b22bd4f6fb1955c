"""Frontier: success against duty of all gates and settings that were played."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aegis.core.seeds import root_stream
from aegis.records.rows import EpisodeRow
from aegis.study.analysis.arm_results import ArmResult, estimate_duty
from aegis.study.estimates import Estimate, Share
from aegis.study.outcomes import Outcomes, wilson_share
from aegis.study.plan.context import AnalysisContext


@dataclass(frozen=True, slots=True)
class FrontierPoint:
    """Success against duty at one setting of one gate.

    Attributes:
        gate: Name of the family of settings.
        setting: The dial, in words.
        duty: Steps under the arm's second driver over all steps.
        success: Of all units.
    """

    gate: str
    setting: str
    duty: Estimate
    success: Share


def compute_frontier(
    arms: tuple[ArmResult, ...], facts: AnalysisContext, oracle: Sequence[EpisodeRow] = ()
) -> tuple[FrontierPoint, ...]:
    """Returns a point per arm on test units, then one per setting tried on calibration units.

    Args:
        arms: The arms of the study.
        facts: Their settings in words, and what was tried.
        oracle: Rows of the oracle; it has a point of its own where it is no arm of the study,
            only some units having been forked.
    """
    played = [
        FrontierPoint(arm.name, facts.settings.get(arm.name, "as locked"), arm.duty, arm.success)
        for arm in arms
    ]
    if oracle and oracle[0].arm not in {arm.name for arm in arms}:
        words = f"on the {len(oracle)} units that were forked"
        played.append(_measure_point(oracle[0].arm, words, oracle, facts.draws))
    tried = (
        _measure_point(one.arm, f"{one.words}, on calibration units", one.rows, facts.draws)
        for one in facts.tried
    )
    return (*played, *tried)


def _measure_point(gate: str, words: str, rows: Sequence[EpisodeRow], draws: int) -> FrontierPoint:
    arm = rows[0].arm
    outcomes = Outcomes.from_rows(rows, [arm])
    rng = root_stream(outcomes.root, "study", "frontier", gate, words)
    return FrontierPoint(
        gate=gate,
        setting=words,
        duty=estimate_duty(outcomes, arm, rng, draws),
        success=wilson_share(outcomes.success[arm]),
    )
