"""Study plan: what was decided before the test units were played, and is reported against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aegis.core.errors import ConfigError, UnknownNameError

GREATER, NONINFERIOR = ALTERNATIVES = ("greater", "noninferior")
FIXED, SEQUENTIAL = STOPPING = ("fixed", "sequential")
FIRST_DRAWS = 2000
"""Bootstrap resamples of plans that were locked before they said how many."""
LEAST_DRAWS = 10_000
"""Fewest that a plan can be locked with: limits then move by a tenth of their width at most."""


@dataclass(frozen=True, slots=True)
class PlannedContrast:
    """A comparison that the study is about.

    Attributes:
        arm: The arm under test.
        against: What it is compared with, on the same units.
        alternative: ``greater``: it solves more; ``noninferior``: not fewer by more than a margin.
    """

    arm: str
    against: str
    alternative: str = GREATER

    def __post_init__(self) -> None:
        if self.alternative not in ALTERNATIVES:
            raise UnknownNameError(
                "alternative",
                self.alternative,
                ALTERNATIVES,
                f"contrast {self.arm}, {self.against}",
            )
        if self.arm == self.against:
            raise ConfigError(f"A contrast compares two arms. Got: '{self.arm}' twice.")


@dataclass(frozen=True, slots=True)
class Budget:
    """What the strong policy may cost.

    Attributes:
        duty: Share of steps under it that dials are set for, on calibration units.
        at_most: Share that no dial may exceed there; more on test units kills the claim.
        tolerance: Difference in duty at which a dial is good enough.
    """

    duty: float
    at_most: float
    tolerance: float

    def __post_init__(self) -> None:
        if not 0 < self.duty <= self.at_most <= 1 or not 0 <= self.tolerance < 1:
            raise ConfigError(
                "A budget needs 0 < duty <= at_most <= 1 and a tolerance in [0, 1). Got: "
                f"duty {self.duty}, at_most {self.at_most}, tolerance {self.tolerance}."
            )


@dataclass(frozen=True, slots=True)
class KillCriteria:
    """When the result does not count.

    Attributes:
        early_auroc: The lower bound of the early AUROC must reach it.
        duty: The recommended arm's duty must not exceed it.
        floor: The reference must succeed on at least this share of units,
        ceiling: and on at most this share: else there is nothing to disrupt, or to recover.
        stops: Whether the reference is played first, and nothing else if a criterion strikes that
            it alone decides; otherwise the result is marked.
    """

    early_auroc: float
    duty: float
    floor: float
    ceiling: float
    stops: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.floor < self.ceiling <= 1:
            raise ConfigError(
                f"Kill criteria need 0 <= floor < ceiling <= 1. Got: {self.floor}, {self.ceiling}."
            )


@dataclass(frozen=True, slots=True)
class StudyPlan:
    """What was decided before the test units were played.

    Attributes:
        question: In one sentence.
        reference: Arm whose failures and successes count as such.
        published: Arm of the published rule.
        recommended: Arm that the project recommends.
        contrasts: Primary comparisons, corrected together; the claim rests on them.
        secondary: Further planned comparisons, outside the family: not corrected, and no claim.
        alpha: Level of their family.
        margin: Of non-inferiority, difference in success rate.
        multiplicity: How they are corrected: ``holm``.
        budget: What the strong policy may cost.
        stopping: ``fixed`` plays all units; ``sequential`` looks at the e-process after each of
            ``looks`` units, and stops when every contrast has been decided for.
        looks: Numbers of units after which a sequential study looks.
        exclusions: Which units are left out, in words; an engine that leaves out none says so.
        windows: First parts of the horizon in which scores are judged.
        early: The window that counts as early.
        kill: When the result does not count.
        roles: Arm to what it is there for, in words.
        random: Arm with random timing at the budget, the lower end of the oracle gap.
        oracle: Name of the arm with oracle timing, made from forks; None without.
        draws: Bootstrap resamples of every interval. None in plans that were locked before there
            was such a key: they draw ``FIRST_DRAWS``, and their report is written in its first
            format, without the supplement.
    """

    question: str
    reference: str
    published: str
    recommended: str
    contrasts: tuple[PlannedContrast, ...]
    alpha: float
    margin: float
    budget: Budget
    stopping: str
    exclusions: str
    windows: tuple[float, ...]
    early: float
    kill: KillCriteria
    roles: Mapping[str, str]
    random: str
    oracle: str | None = None
    multiplicity: str = "holm"
    looks: tuple[int, ...] = ()
    secondary: tuple[PlannedContrast, ...] = ()
    draws: int | None = None

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1 or not 0 <= self.margin < 1:
            raise ConfigError(
                "A plan needs alpha in (0, 1) and a margin in [0, 1). Got: "
                f"{self.alpha} and {self.margin}."
            )
        if self.multiplicity != "holm":
            raise UnknownNameError("multiplicity", self.multiplicity, ("holm",), "the plan")
        if self.stopping not in STOPPING:
            raise UnknownNameError("stopping", self.stopping, STOPPING, "the plan")
        if not self.windows or not all(0 < share <= 1 for share in self.windows):
            raise ConfigError(f"windows are shares of the horizon, in (0, 1]. Got: {self.windows}.")
        if self.early not in self.windows:
            raise ConfigError(
                f"early must be one of the windows {self.windows}. Got: {self.early}."
            )
        if not self.contrasts:
            raise ConfigError("A plan needs at least one contrast: what is the study about?")
        if self.draws is not None and self.draws < 1:
            raise ConfigError(f"draws is a number of resamples, at least 1. Got: {self.draws}.")
        pairs = [(one.arm, one.against) for one in (*self.contrasts, *self.secondary)]
        if len(set(pairs)) != len(pairs):
            raise ConfigError(f"A plan names a contrast twice: {pairs}.")
        if self.stopping == SEQUENTIAL and not self.looks:
            raise ConfigError("A sequential study needs looks: numbers of units, ascending.")
        superior = [one for one in self.contrasts if one.alternative == GREATER]
        if self.stopping == SEQUENTIAL and not superior:
            raise ConfigError(
                f"A sequential study is decided by contrasts of alternative '{GREATER}'; "
                "the plan has none. Add one, or set plan.stopping=fixed."
            )
        if list(self.looks) != sorted(set(self.looks)) or min(self.looks, default=1) < 1:
            raise ConfigError(f"looks are numbers of units, ascending. Got: {self.looks}.")

    def check_draws(self) -> None:
        """Checks that the plan may be locked with its number of resamples.

        Raises:
            ConfigError: If it has none, or too few.
        """
        if self.draws is None or self.draws < LEAST_DRAWS:
            raise ConfigError(
                f"plan.draws must be at least {LEAST_DRAWS} to lock a plan: with fewer, limits of "
                f"intervals are a matter of luck. Got: {self.draws}. Set plan.draws={LEAST_DRAWS}."
            )

    def check_arms(self, arms: Sequence[str]) -> None:
        """Checks that all arms that the plan names are played.

        Raises:
            UnknownNameError: If one is not.
        """
        named = {"reference": self.reference, "published": self.published}
        named |= {"recommended": self.recommended, "random": self.random}
        for family in ("contrasts", "secondary"):
            for i, contrast in enumerate(getattr(self, family)):
                named[f"{family}[{i}].arm"] = contrast.arm
                named[f"{family}[{i}].against"] = contrast.against
        for where, arm in named.items():
            if arm not in arms:
                raise UnknownNameError("arm", arm, arms, f"plan.{where}")
