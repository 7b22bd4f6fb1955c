"""Pilot: what a weak and a strong policy promise for a controller that switches between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from aegis.core.types import Bools
from aegis.records.fork_rows import RESEED_FORK, STRONG_FORK
from aegis.study.comparison.answer_reason import explain_answer
from aegis.study.comparison.cost import PolicyCost
from aegis.study.comparison.policy_comparison import compute_two_sided_p, estimate_difference
from aegis.study.comparison.study_power import StudyPower, forecast_power
from aegis.study.comparison.switch_outcomes import SwitchOutcomes
from aegis.study.comparison.switch_rule import Answer, SwitchRule, size_pilot
from aegis.study.estimates import Estimate, Share, compute_exact_share
from aegis.study.outcomes import Outcomes

WEAK, STRONG = "weak", "strong"
"""Arms of the policies alone, and names of the policies."""


@dataclass(frozen=True, slots=True)
class PilotPlan:
    """What is asked of a pilot.

    Attributes:
        rule: The rule of its answer.
        recall: Share of failures that a detector is expected to find.
        alpha: One-sided level of the study that may follow.
        study: Units of that study.
    """

    rule: SwitchRule
    recall: float
    alpha: float
    study: int


@dataclass(frozen=True, slots=True)
class PilotArm:
    """An arm of a pilot.

    Attributes:
        name: The arm.
        success: Share of units that it solved, with its exact interval.
        steps: Control steps per episode.
        asks: Chunks asked for per episode, by policy.
    """

    name: str
    success: Share
    steps: float
    asks: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class PilotResult:
    """A pilot.

    Attributes:
        n: Units.
        tick: When the switch takes effect [control steps].
        names, digests: Names and digests of the weak and of the strong policy.
        arms: Weak alone, strong alone, the switch, and the placebo if there was one.
        fails: Failure rate of the weak policy over all units.
        fails_there: The same among the units still running at the tick: p.
        recovery: r, among the same units.
        disruption: d, among the same units.
        placebo: Share of what the weak policy fails that it solves with fresh noise from the tick
            on: what of r is luck; None without a placebo.
        needed_precision: d / (r + d).
        perfect_gain: Share of all units that alarms which are never wrong would save.
        blind_gain: Success of the switch minus that of the weak policy, over all units.
        blind_p: Its two-sided p-value by McNemar's exact test. Units that had ended at the tick are
            equal in both arms: the test of the units still running gives the same number.
        both_fail: Share of units that both policies fail, each alone.
        ceiling: 1 minus this: success of whoever knows beforehand which policy to let drive.
        headroom: Share of units that only the strong policy solves alone.
        only_weak: Share of units that only the weak policy solves alone.
        answer: What the pilot says.
        reason: Why, in words.
        play: Units of a pilot that would decide; None if this one does, or if 2,000 are too few.
        powers: What a study would find.
        costs: Policy to what its answers took.
    """

    n: int
    tick: int
    names: Mapping[str, str]
    digests: Mapping[str, str]
    arms: tuple[PilotArm, ...]
    fails: Share
    fails_there: Share
    recovery: Share
    disruption: Share
    placebo: Share | None
    needed_precision: Estimate
    perfect_gain: Share
    blind_gain: Estimate
    blind_p: float
    both_fail: Share
    ceiling: Share
    headroom: Share
    only_weak: Share
    answer: Answer
    reason: str
    play: int | None
    powers: tuple[StudyPower, ...]
    costs: Mapping[str, PolicyCost]


def name_switch(tick: int) -> str:
    """Returns the name of the arm that switches to the strong policy at a tick.

    It is that of a fork; see ``aegis.study.play.execution.fork_arms``.
    """
    return f"{STRONG_FORK}_{tick:03d}"


def name_placebo(tick: int) -> str:
    """Returns the name of the arm that goes on with the weak policy and fresh noise."""
    return f"{RESEED_FORK}_{tick:03d}"


def analyse_pilot(
    outcomes: Outcomes,
    tick: int,
    plan: PilotPlan,
    names: Mapping[str, str],
    digests: Mapping[str, str],
    costs: Mapping[str, PolicyCost],
) -> PilotResult:
    """Analyses a pilot.

    Args:
        outcomes: Weak, strong, the switch, and perhaps the placebo, on the same units.
        tick: When the switch takes effect [control steps].
        plan: What is asked.
        names: Policy to the name of its option or class.
        digests: Policy to its digest.
        costs: Policy to what its answers took.
    """
    weak, strong = outcomes.success[WEAK], outcomes.success[STRONG]
    running = outcomes.steps[WEAK] > tick
    found = SwitchOutcomes.from_success(weak, outcomes.success[name_switch(tick)], running)
    answer = plan.rule.choose_answer(found)
    undecided = answer is Answer.UNDECIDED
    again = outcomes.success.get(name_placebo(tick))
    return PilotResult(
        n=found.units,
        tick=tick,
        names=names,
        digests=digests,
        arms=tuple(_describe_arm(outcomes, arm) for arm in outcomes.rows),
        fails=_share(~weak),
        fails_there=found.failing,
        recovery=found.recovery,
        disruption=found.disruption,
        placebo=None if again is None else _share(again[~weak & running]),
        needed_precision=found.needed_precision,
        perfect_gain=found.perfect_gain,
        blind_gain=estimate_difference(found.paired),
        blind_p=compute_two_sided_p(found.paired),
        both_fail=_share(~weak & ~strong),
        ceiling=_share(weak | strong),
        headroom=_share(~weak & strong),
        only_weak=_share(weak & ~strong),
        answer=answer,
        reason=explain_answer(answer, found, plan.rule),
        play=size_pilot(found, plan.rule, outcomes.root) if undecided else None,
        powers=forecast_power(found, plan.rule.precision, plan.recall, plan.study, plan.alpha),
        costs=costs,
    )


def _share(hits: Bools) -> Share:
    """Returns the share of units that were hit, with its exact interval. Shape of hits (n,)."""
    return compute_exact_share(int(hits.sum()), len(hits))


def _describe_arm(outcomes: Outcomes, arm: str) -> PilotArm:
    rows = outcomes.rows[arm]
    policies = sorted({policy for row in rows for policy, _ in row.asks})
    asked: Sequence[dict[str, int]] = [dict(row.asks) for row in rows]
    return PilotArm(
        name=arm,
        success=_share(outcomes.success[arm]),
        steps=float(np.mean(outcomes.steps[arm])),
        asks={policy: sum(one.get(policy, 0) for one in asked) / len(rows) for policy in policies},
    )
