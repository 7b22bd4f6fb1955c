"""Contrast result: every number about one arm against another on the same units."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from aegis.stats.intervals import Interval
from aegis.study.estimates import Estimate

PRIMARY, SECONDARY, EXPLORATORY = "primary", "secondary", "exploratory"
"""Families of contrasts; only the first is corrected, and the claim rests on it alone."""


@dataclass(frozen=True, slots=True)
class TaskDifference:
    """A contrast in one task."""

    task: int
    n: int
    recovered: int
    disrupted: int
    difference: Estimate


@dataclass(frozen=True, slots=True)
class SequentialReading:
    """A sequential reading of a contrast: units in their planned order.

    Attributes:
        log_e: Logarithm of the e-process after the last unit.
        stop: Units after which it first reached 1 / alpha; None if it never did.
    """

    log_e: float
    stop: int | None


@dataclass(frozen=True, slots=True)
class BayesianReading:
    """A Bayesian reading of a contrast: Dirichlet posteriors of the four cells, task by task."""

    mean: float
    ci: Interval
    p_positive: float
    p_above_2pp: float


@dataclass(frozen=True, slots=True)
class ContrastResult:
    """An arm against another on the same units.

    Attributes:
        arm, against: The two arms.
        alternative: ``greater``, or ``noninferior`` with a margin.
        margin: Of non-inferiority; None otherwise.
        alpha: Level of its family.
        n: Units.
        recovered: Units that only the arm solved.
        disrupted: Units that only the other solved.
        difference: Of success rates over all units; BCa interval, units resampled within tasks.
        difference_clustered: The same estimate with start states resampled as clusters.
        difference_tasks: The same with whole tasks resampled: for claims about other tasks.
        failures: Units that the reference failed.
        recovered_difference: Of success rates on these units: the recovered-task rates.
        p: Exact one-sided McNemar; for ``noninferior``, one-sided from the paired interval.
        mid_p: Its mid-p variant.
        p_holm: ``p``, or ``p_starts`` where start states were played several times, corrected
            within the family of primary contrasts; NaN if exploratory.
        failures_p: Exact one-sided McNemar on the units that the reference failed; NaN if
            one of the arms is the reference, where it would be empty.
        duty_difference: Duty of the arm minus that of the other.
        per_task: The difference in each task.
        looks: Sequential reading.
        posterior: Bayesian reading.
        passed: Whether the claim holds at alpha after correction.
        p_starts: Exact sign-flip test with start states as clusters; McNemar's where each start
            state was played once.
        p_tasks: The same with whole tasks as clusters; it cannot fall below 1 / 2^tasks.
        family: ``is_primary``; ``secondary``: planned, not corrected, no claim; ``exploratory``.
    """

    arm: str
    against: str
    alternative: str
    margin: float | None
    alpha: float
    n: int
    recovered: int
    disrupted: int
    difference: Estimate
    difference_clustered: Interval
    difference_tasks: Interval
    failures: int
    recovered_difference: Estimate
    p: float
    mid_p: float
    p_holm: float
    failures_p: float
    duty_difference: Estimate
    per_task: tuple[TaskDifference, ...]
    looks: SequentialReading
    posterior: BayesianReading
    passed: bool
    p_starts: float = float("nan")
    p_tasks: float = float("nan")
    family: str = EXPLORATORY

    @property
    def is_primary(self) -> bool:
        """Whether the plan names it as confirmatory; the claim rests on these alone."""
        return self.family == PRIMARY

    def as_dict(self) -> dict[str, object]:
        """Returns plain values, whether it is primary next to what it compares."""
        return {
            "arm": self.arm,
            "against": self.against,
            "primary": self.is_primary,
            **asdict(self),
        }
