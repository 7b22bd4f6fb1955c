"""Supplement: tasks as random, strong steps, budgets, equal duty, criteria that cannot strike."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import linprog
from scipy.stats import ttest_1samp

from aegis.core.seeds import root_stream
from aegis.study.analysis.kill_reach import assess_kill_reach
from aegis.study.analysis.oracle import bound_oracle, make_oracle_rows
from aegis.study.analysis.pipeline import analyse_study
from aegis.study.analysis.supplement import compute_supplement, estimate_over_tasks
from aegis.study.plan.context import PlayedSetting
from tests.study.rows import facts, fork_rows, plan, row, rows, study_rows, tables


def test_the_interval_over_tasks_is_students() -> None:
    values = root_stream(1, "tasks").normal(size=10)
    got, theirs = estimate_over_tasks(values), ttest_1samp(values, 0.0).confidence_interval(0.95)
    assert got.value == pytest.approx(values.mean())
    assert (got.ci.low, got.ci.high) == pytest.approx((theirs.low, theirs.high))
    assert np.isnan(estimate_over_tasks(values[:1]).ci.low)
    assert np.isnan(estimate_over_tasks(values[:0]).value)


def test_contrasts_come_by_task_and_in_strong_steps() -> None:
    found = compute_supplement(plan(), tables(), facts())
    result = analyse_study(plan(), tables(), facts())
    pairs = [(c.arm, c.against) for c in result.contrasts]
    assert [(c.arm, c.against) for c in found.contrasts] == pairs
    first = found.contrasts[0]
    by_task = [one.difference.value for one in result.contrasts[0].per_task]
    assert first.tasks == len(by_task) == 2
    assert first.difference_random_tasks.value == pytest.approx(np.mean(by_task))
    weak = next(c for c in found.contrasts if (c.arm, c.against) == ("ours", "weak"))
    assert weak.strong_steps.value == 10.0
    assert first.strong_steps.value == 0.0


def test_a_budget_is_held_against_arms_with_a_dial() -> None:
    found = {one.name: one for one in compute_supplement(plan(), tables(), facts()).arms}
    assert found["ours"].duty == 0.25
    assert (found["ours"].at_most, found["ours"].exceeded) == (0.3, False)
    assert (found["strong"].at_most, found["strong"].exceeded) == (None, None)
    assert found["strong"].strong_steps.value == 40.0
    tight = plan(budget=replace(plan().budget, duty=0.2, at_most=0.24))
    assert {one.name: one for one in compute_supplement(tight, tables(), facts()).arms}[
        "ours"
    ].exceeded


@pytest.mark.parametrize("duty", [0.05, 0.2, 0.35, 0.6, 1.0])
def test_the_bound_of_the_oracle_is_the_linear_programmes(duty: float) -> None:
    forks = fork_rows(study_rows(24, seed=3))
    weak = [r for r in forks if r.arm == "weak"]
    options = [
        [one for one in forks if one.key == r.key and not one.arm.startswith("reseed")]
        for r in weak
    ]
    flat = [one for group in options for one in group]
    share = np.zeros((len(options), len(flat)))
    at = 0
    for i, group in enumerate(options):
        share[i, at : at + len(group)] = 1.0
        at += len(group)
    best = linprog(
        [-float(one.success) for one in flat],
        A_ub=[[one.strong_steps - duty * one.steps for one in flat]],
        b_ub=[0.0],
        A_eq=share,
        b_eq=np.ones(len(options)),
    )
    bound = sum(bound_oracle(forks, "weak", duty).values())
    assert bound == pytest.approx(-best.fun, abs=1e-6)
    whole = sum(r.success for r in make_oracle_rows(forks, "weak", duty, "oracle"))
    assert bound - 1 < whole <= bound + 1e-9, "whole units leave less than one on the table"


def test_the_gap_is_taken_at_the_arms_own_duty() -> None:
    gap = compute_supplement(plan(), tables(), facts()).gaps[0]
    assert (gap.arm, gap.units, gap.duty) == ("ours", 60, 0.25)
    expected = (gap.success - gap.random) / (gap.oracle - gap.random)
    assert gap.closed.value == pytest.approx(expected)
    assert compute_supplement(plan(oracle=None), tables(), facts()).gaps == ()
    assert compute_supplement(plan(), replace(tables(), forks=()), facts()).gaps == ()


def test_criteria_that_cannot_strike_are_named() -> None:
    """Calibration: the reference solves half of 40 units, ours spends a quarter or 28 of 40."""

    def assess(strong: int, reference: str = "01" * 20) -> dict[str, bool | None]:
        tried = (
            PlayedSetting("weak", "as configured", rows("weak", reference)),
            PlayedSetting("ours", "x 1", rows("ours", "01" * 20, 40)),
            PlayedSetting(
                "ours", "x 2", [row("ours", i, True, strong=strong + i % 2) for i in range(40)]
            ),
        )
        context = facts(tried=tried, settings={"ours": "x 2"})
        return {one.name: one.idle for one in assess_kill_reach(plan(), context, 60)}

    idle = assess(8)
    assert idle["duty"] is idle["floor"] is idle["ceiling"] is True
    assert idle["early_auroc"] is idle["common_prefix"] is None
    assert assess(12)["duty"] is False
    assert assess(8, "0" * 40)["floor"] is False
    assert assess(8, "1" * 40)["ceiling"] is False
    unknown = assess_kill_reach(plan(), facts(), 60)
    assert [one.idle for one in unknown] == [None] * 5


def test_reports_of_old_plans_keep_their_keys() -> None:
    old = analyse_study(plan(), tables(), facts())
    new = analyse_study(plan(draws=10_000), tables(), facts())
    assert repr(old.supplement) == repr(new.supplement)
    assert old.published == new.published == "aegis"
    before, after = old.as_dict(), new.as_dict()
    assert (before["format"], after["format"]) == ("aegis-report-1", "aegis-report-2")
    assert after.keys() - before.keys() == {"published", "supplement"}
    assert {k: v for k, v in after.items() if k in before and k != "format"} == {
        k: v for k, v in before.items() if k != "format"
    }
    assert '"difference_random_tasks_ci": [' in new.to_json_text()
