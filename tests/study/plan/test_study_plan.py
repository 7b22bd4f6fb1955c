"""Plans: what cannot be meant is refused when it is written, not when it is reported."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aegis.core.errors import AegisError
from aegis.study.plan.study_plan import Budget, KillCriteria, PlannedContrast, StudyPlan

PLAN = StudyPlan(
    question="Does it help?",
    reference="weak",
    published="aegis",
    recommended="ours",
    contrasts=(PlannedContrast("ours", "random"), PlannedContrast("ours", "strong", "noninferior")),
    alpha=0.05,
    margin=0.03,
    budget=Budget(0.36, 0.38, 0.01),
    stopping="fixed",
    exclusions="none",
    windows=(0.1, 0.3),
    early=0.3,
    kill=KillCriteria(0.6, 0.38, 0.03, 0.97),
    roles={},
    random="random",
)
ARMS = ("weak", "aegis", "ours", "random", "strong")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"alpha": 0.0}, "alpha in"),
        ({"margin": 1.0}, "margin in"),
        ({"multiplicity": "none"}, "Unknown multiplicity"),
        ({"stopping": "fixd"}, "Did you mean 'fixed'"),
        ({"windows": ()}, "windows are shares"),
        ({"windows": (0.1, 1.2)}, "windows are shares"),
        ({"early": 0.2}, "early must be one of the windows"),
        ({"contrasts": ()}, "at least one contrast"),
        ({"contrasts": (PlannedContrast("a", "b"), PlannedContrast("a", "b"))}, "twice"),
        ({"stopping": "sequential"}, "needs looks"),
        ({"looks": (200, 100)}, "ascending"),
        ({"looks": (0, 100)}, "ascending"),
        ({"draws": 0}, "at least 1"),
    ],
)
def test_what_cannot_be_meant(change: dict[str, object], says: str) -> None:
    with pytest.raises(AegisError, match=says):
        replace(PLAN, **change)


def test_parts_that_cannot_be_meant() -> None:
    with pytest.raises(AegisError, match="duty <= at_most"):
        Budget(0.4, 0.38, 0.01)
    with pytest.raises(AegisError, match="floor < ceiling"):
        KillCriteria(0.6, 0.38, 0.97, 0.03)
    with pytest.raises(AegisError, match="Did you mean 'greater'"):
        PlannedContrast("a", "b", "greatr")
    with pytest.raises(AegisError, match="'a' twice"):
        PlannedContrast("a", "a")


@pytest.mark.parametrize("arm", ARMS)
def test_every_arm_that_is_named_must_be_played(arm: str) -> None:
    PLAN.check_arms(ARMS)
    with pytest.raises(AegisError, match=rf"Unknown arm '{arm}' in plan\."):
        PLAN.check_arms([name for name in ARMS if name != arm])


@pytest.mark.parametrize("draws", [None, 1, 2000, 9_999])
def test_a_plan_is_not_locked_with_few_draws(draws: int | None) -> None:
    with pytest.raises(AegisError, match=r"plan.draws must be at least 10000.*plan.draws=10000"):
        replace(PLAN, draws=draws).check_draws()
    replace(PLAN, draws=10_000).check_draws()
