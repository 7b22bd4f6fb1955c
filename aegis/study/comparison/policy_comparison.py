"""Policy comparison: two policies, each alone, on the same units with the same noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aegis.records.fork_rows import UnitKey, unit_key_of
from aegis.records.rows import EpisodeRow
from aegis.stats.paired_intervals import tango_interval
from aegis.stats.paired_outcome import PairedOutcome, count_by_task
from aegis.study.comparison.cost import PolicyCost
from aegis.study.comparison.parting import Parting, summarise_partings
from aegis.study.comparison.required_units import RequiredUnits, require_units
from aegis.study.estimates import Estimate, Share
from aegis.study.outcomes import Outcomes, wilson_share

SIDES = ("a", "b")
"""Arms, and names of their policies."""


@dataclass(frozen=True, slots=True)
class ComparedPolicy:
    """A policy that drives alone.

    Attributes:
        name: Name of its option, or of its class.
        digest: Digest of the policy: what its actions depend on.
        success: Share of units that it solved.
        steps: Control steps per episode.
        cost: What its answers took.
    """

    name: str
    digest: str
    success: Share
    steps: float
    cost: PolicyCost


@dataclass(frozen=True, slots=True)
class TaskComparison:
    """The same comparison in one task.

    Attributes:
        task: Number of the task.
        instruction: What the robot was told.
        n: Units.
        both, neither, only_a, only_b: Units by who solved them.
        difference: Success rate of A minus that of B.
        parting: When the two part.
    """

    task: int
    instruction: str
    n: int
    both: int
    neither: int
    only_a: int
    only_b: int
    difference: Estimate
    parting: Parting


@dataclass(frozen=True, slots=True)
class PolicyComparison:
    """Two policies on the same units.

    Attributes:
        n: Units.
        a, b: The policies.
        both, neither, only_a, only_b: Units by who solved them.
        difference: Success rate of A minus that of B, with Tango's interval.
        p: Two-sided p-value of McNemar's exact test.
        parting: When the two part.
        required: Units that a difference of the size asked for needs.
        tasks: The same by task.
    """

    n: int
    a: ComparedPolicy
    b: ComparedPolicy
    both: int
    neither: int
    only_a: int
    only_b: int
    difference: Estimate
    p: float
    parting: Parting
    required: RequiredUnits
    tasks: tuple[TaskComparison, ...]


def compare_policies(
    outcomes: Outcomes,
    partings: Mapping[UnitKey, int | None],
    names: Sequence[str],
    digests: Sequence[str],
    costs: Sequence[PolicyCost],
    *,
    target: float,
    alpha: float,
    goal: float,
) -> PolicyComparison:
    """Compares two policies; names, digests and costs are those of A and of B.

    Args:
        outcomes: Arms ``a`` and ``b`` on the same units.
        partings: Unit to the tick at which they part; None for never.
        names: Names of their options or classes.
        digests: Their digests.
        costs: What their answers took.
        target: Difference in success rate that is to be found, in (0, 1].
        alpha: Two-sided level.
        goal: Power to find it with.
    """
    one, other = (
        ComparedPolicy(
            name=names[i],
            digest=digests[i],
            success=wilson_share(outcomes.success[side]),
            steps=float(outcomes.steps[side].mean()),
            cost=costs[i],
        )
        for i, side in enumerate(SIDES)
    )
    cells = PairedOutcome.from_success(outcomes.success["a"], outcomes.success["b"])
    return PolicyComparison(
        n=cells.units,
        a=one,
        b=other,
        both=cells.both,
        neither=cells.neither,
        only_a=cells.recovered,
        only_b=cells.disrupted,
        difference=estimate_difference(cells),
        p=compute_two_sided_p(cells),
        parting=summarise_partings(list(partings.values())),
        required=require_units(cells, target, alpha, goal),
        tasks=tuple(
            _describe_task([row for row in outcomes.rows["a"] if row.task == task], here, partings)
            for task, here in count_by_task(
                outcomes.success["a"], outcomes.success["b"], outcomes.task
            ).items()
        ),
    )


def compute_two_sided_p(cells: PairedOutcome) -> float:
    """Returns the two-sided p-value of McNemar's exact test: twice the smaller one-sided one."""
    swapped = PairedOutcome(cells.disrupted, cells.recovered, cells.both, cells.neither)
    return min(1.0, 2 * min(cells.mcnemar_p(), swapped.mcnemar_p()))


def estimate_difference(cells: PairedOutcome) -> Estimate:
    """Returns the difference in success rate, with Tango's interval."""
    return Estimate(cells.difference, tango_interval(cells))


def _describe_task(
    rows: Sequence[EpisodeRow], cells: PairedOutcome, partings: Mapping[UnitKey, int | None]
) -> TaskComparison:
    """Describes the two policies in a task, from the rows of one of them and the cells of both."""
    return TaskComparison(
        task=rows[0].task,
        instruction=rows[0].instruction,
        n=cells.units,
        both=cells.both,
        neither=cells.neither,
        only_a=cells.recovered,
        only_b=cells.disrupted,
        difference=estimate_difference(cells),
        parting=summarise_partings([partings[unit_key_of(row)] for row in rows]),
    )
