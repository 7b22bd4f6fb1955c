"""Arm results: success, cost and duty of each arm on all units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from aegis.core.seeds import root_stream
from aegis.core.types import F64
from aegis.records.rows import EpisodeRow
from aegis.stats.differences import ratio_of_totals
from aegis.stats.resampling import ClusteredSample
from aegis.study.estimates import Estimate, Share
from aegis.study.outcomes import Outcomes, wilson_share
from aegis.study.plan.context import AnalysisContext


@dataclass(frozen=True, slots=True)
class ArmResult:
    """One arm on all units.

    Attributes:
        name: The arm.
        role: What it is there for, in words; from the plan.
        n: Units.
        success: Of all units.
        recovered: Of the units that the reference failed, those that this arm solved.
        disrupted: Of the units that the reference solved, those that this arm failed.
        duty: Steps under the arm's second driver (the strong policy, but in a placebo arm the weak
            one with fresh noise) over all steps.
        duty_target: The duty that its dial was set for; None if it has no dial.
        duty_calibration: The duty that it then had on calibration units; None without a dial.
        fires: Hand-overs per episode.
        hold_chunks: Mean length of a stay with the second driver [chunks]; NaN without one.
        steps: Control steps per episode.
        asks: Queries per episode, by policy; a placebo arm has none of the strong policy.
    """

    name: str
    role: str
    n: int
    success: Share
    recovered: Share
    disrupted: Share
    duty: Estimate
    duty_target: float | None
    duty_calibration: float | None
    fires: float
    hold_chunks: float
    steps: float
    asks: Mapping[str, float]


def describe_arms(
    outcomes: Outcomes, reference: str, roles: Mapping[str, str], facts: AnalysisContext
) -> tuple[ArmResult, ...]:
    """Describes every arm.

    Args:
        outcomes: All arms on the same units.
        reference: The arm that recovered and disrupted refer to.
        roles: Arm to what it is there for.
        facts: What dials were set for, and the draws of the bootstrap.
    """
    return tuple(
        _describe_arm(outcomes, arm, reference, roles.get(arm, ""), facts) for arm in outcomes.rows
    )


def estimate_duty(outcomes: Outcomes, arm: str, rng: np.random.Generator, draws: int) -> Estimate:
    """Returns an arm's duty: steps under its second driver over all steps.

    Long episodes count more, since that is what is paid for. Start states are resampled as
    clusters within tasks.
    """
    columns: F64 = np.column_stack([outcomes.strong[arm], outcomes.steps[arm]])
    sample = ClusteredSample.from_units(columns, outcomes.task, outcomes.start)
    return Estimate.from_bootstrap(ratio_of_totals(sample, rng, draws=draws))


def _describe_arm(
    outcomes: Outcomes, arm: str, reference: str, role: str, facts: AnalysisContext
) -> ArmResult:
    rows = outcomes.rows[arm]
    solved, before = outcomes.success[arm], outcomes.success[reference]
    rng = root_stream(outcomes.root, "study", "duty", arm)
    holds = [chunks for row in rows for chunks in row.holds]
    return ArmResult(
        name=arm,
        role=role,
        n=outcomes.n,
        success=wilson_share(solved),
        recovered=wilson_share(solved[~before]),
        disrupted=wilson_share(~solved[before]),
        duty=estimate_duty(outcomes, arm, rng, facts.draws),
        duty_target=facts.duty_target.get(arm),
        duty_calibration=facts.duty_calibration.get(arm),
        fires=float(np.mean([row.fires for row in rows])),
        hold_chunks=float(np.mean(holds)) if holds else float("nan"),
        steps=float(outcomes.steps[arm].mean()),
        asks=_queries_per_episode(rows),
    )


def _queries_per_episode(rows: Sequence[EpisodeRow]) -> dict[str, float]:
    """Returns queries per episode, by policy; counted as integers, divided once."""
    counts: dict[str, int] = {}
    for row in rows:
        for policy, count in row.asks:
            counts[policy] = counts.get(policy, 0) + count
    return {policy: counts[policy] / len(rows) for policy in sorted(counts)}
