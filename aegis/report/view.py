"""View: a finished study as its report sees it, with the selections that all parts share."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from aegis.report.palette import LIGHT
from aegis.report.tables import Tables
from aegis.study.analysis.arm_results import ArmResult
from aegis.study.analysis.claim import find_closest_rival
from aegis.study.analysis.contrast_result import SECONDARY, ContrastResult
from aegis.study.analysis.frontier_points import FrontierPoint
from aegis.study.analysis.study_result import StudyResult
from aegis.study.plan.study_plan import NONINFERIOR, StudyPlan

Pictures = Mapping[str, Mapping[int, bytes]]
"""PNG pictures by kind of example (``recovered``, ``missed``, ``disrupted``) and tick."""


@dataclass(frozen=True, slots=True)
class StudyView:
    """A finished study.

    Attributes:
        result: All numbers.
        plan: What was decided beforehand; names the roles of arms, and the budget.
        tables: Rows for the figures that show more than the result holds; may be empty.
        pictures: Pictures of the episodes that ``select_examples`` chooses.
    """

    result: StudyResult
    plan: StudyPlan
    tables: Tables = field(default_factory=Tables)
    pictures: Pictures = field(default_factory=dict)

    @property
    def locked(self) -> bool:
        """Whether the plan was locked before the test units were played."""
        return bool(self.result.lock) and not self.result.exploratory

    @property
    def recommended(self) -> ArmResult | None:
        """The recommended arm; None if it was not played."""
        return self.find_arm(self.result.recommended)

    @property
    def reference(self) -> ArmResult | None:
        """The reference arm; None if it was not played."""
        return self.find_arm(self.result.reference)

    @property
    def strong(self) -> ArmResult | None:
        """The arm whose every step the strong policy drives; None if there is none."""
        return next((arm for arm in self.result.arms if arm.duty.value == 1.0), None)

    @property
    def primary(self) -> tuple[ContrastResult, ...]:
        """Primary contrasts, the hardest first."""
        return _order(c for c in self.result.contrasts if c.is_primary)

    @property
    def secondary(self) -> tuple[ContrastResult, ...]:
        """Contrasts that were planned outside the family, the hardest first."""
        return _order(c for c in self.result.contrasts if c.family == SECONDARY)

    @property
    def exploratory(self) -> tuple[ContrastResult, ...]:
        """Contrasts that the plan does not name, in the order of the result."""
        planned = {(c.arm, c.against) for c in (*self.primary, *self.secondary)}
        return tuple(c for c in self.result.contrasts if (c.arm, c.against) not in planned)

    @property
    def drawn_contrasts(self) -> tuple[ContrastResult, ...]:
        """Contrasts that figures show: all planned ones, or all if none was planned."""
        return (*self.primary, *self.secondary) or _order(self.result.contrasts)

    @property
    def rival(self) -> ContrastResult | None:
        """The primary contrast with the closest rival; None if there is no rival."""
        return find_closest_rival(self.result.recommended, self.result.reference, self.primary)

    @property
    def ordered_arms(self) -> tuple[ArmResult, ...]:
        """All arms but the reference: the recommended one, rivals (the closest first), others."""
        rivals = [name for c in self.drawn_contrasts for name in (c.arm, c.against)]
        names = [self.result.recommended, *rivals, *(arm.name for arm in self.result.arms)]
        arms = (self.find_arm(n) for n in dict.fromkeys(names) if n != self.result.reference)
        return tuple(arm for arm in arms if arm is not None)

    @property
    def task_count(self) -> int:
        """Number of tasks, as far as contrasts tell."""
        return max((len(c.per_task) for c in self.result.contrasts), default=0)

    def find_arm(self, name: str) -> ArmResult | None:
        """Returns an arm by name; None if there is no such arm."""
        return next((arm for arm in self.result.arms if arm.name == name), None)

    def calibration_points(self, gate: str) -> tuple[FrontierPoint, ...]:
        """Returns the settings of an arm's gate that were played on calibration units."""
        points = [point for point in self.result.frontier if point.gate == gate]
        # The first point of an arm is what it came to on test units.
        return tuple(points[1:] if self.find_arm(gate) else points)

    def dial_of(self, arm: str) -> str:
        """Returns an arm's setting in words, as it was frozen; empty if it has none."""
        return next((p.setting for p in self.result.frontier if p.gate == arm), "")

    def is_placebo(self, arm: ArmResult) -> bool:
        """Says whether an arm hands over to another policy than the strong one."""
        return arm.duty.value > 0 and not strong_calls(arm)

    def colour_of(self, arm: str) -> str:
        """Returns the light colour of an arm by its role in the plan; soft grey without one."""
        if arm == self.result.recommended:
            return LIGHT["blue"]
        if arm == self.plan.published:
            return LIGHT["vermillion"]
        if self.strong is not None and arm == self.strong.name:
            return LIGHT["green"]
        if arm == self.plan.oracle:
            return LIGHT["pink"]
        return LIGHT["ink"] if arm == self.result.reference else LIGHT["soft"]


def strong_calls(arm: ArmResult) -> float:
    """Returns an arm's queries of the strong policy per episode."""
    return arm.asks.get("strong", 0.0)


def strong_steps(arm: ArmResult) -> float:
    """Returns steps under the strong policy per episode: duty times steps per episode."""
    return arm.duty.value * arm.steps


def _order(contrasts: Iterable[ContrastResult]) -> tuple[ContrastResult, ...]:
    """Puts the hardest contrast first; those that only ask for non-inferiority come last."""
    return tuple(sorted(contrasts, key=_hardness))


def _hardness(contrast: ContrastResult) -> tuple[bool, float]:
    value = contrast.difference.value
    return contrast.alternative == NONINFERIOR, value if math.isfinite(value) else math.inf
