"""What a report says: numbers as in the result, each p beside its difference, faults first."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from aegis.report.render import render_markdown
from aegis.report.tables import Tables
from aegis.report.view import StudyView
from aegis.stats.intervals import Interval
from aegis.study.analysis.formatting import (
    format_decimal,
    format_interval,
    format_p_value,
    format_percent,
    format_points,
)
from aegis.study.analysis.study_result import StudyResult
from aegis.study.plan.study_plan import StudyPlan
from tests.report import made

PLAN = made.plan()


def render_words(result: StudyResult, tables: Tables, plan: StudyPlan = PLAN) -> str:
    """Returns what the Markdown says, without drawing anything."""
    return render_markdown(StudyView(result, plan, tables), {})


def select_family(result: StudyResult, family: str) -> list[dict[str, Any]]:
    """Returns the contrasts of a family as `report.json` has them."""
    return [c for c in json.loads(result.to_json_text())["contrasts"] if c["family"] == family]


def find_rows(text: str, head: str) -> dict[str, str]:
    """Returns the rows of the Markdown table whose heading begins like that, by first cell."""
    lines = text.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(f"| {head}"))
    rows = {}
    for line in lines[start + 2 :]:
        if not line.startswith("| "):
            break
        rows[line.split(" | ")[0].strip("|* ")] = line
    return rows


def test_every_number_is_the_one_in_json(result: StudyResult, tables: Tables) -> None:
    text = render_words(result, tables)
    found = json.loads(result.to_json_text())
    arms = find_rows(text, "arm | success")
    for name, arm in found["arms"].items():
        shown = ["success", "duty"] + ([] if name == "weak" else ["recovered", "disrupted"])
        for key in shown:
            assert format_percent(arm[key]) in arms[f"`{name}`"]
            assert format_interval(Interval(*arm[f"{key}_ci"])) in arms[f"`{name}`"]
        assert format_decimal(arm["asks"].get("strong", 0.0), 1) in arms[f"`{name}`"]
        assert format_decimal(arm["duty"] * arm["steps"], 1) in arms[f"`{name}`"]
    for score in found["detector"]["scores"]:
        for window in score["windows"]:
            assert format_decimal(window["within_task"], 3) in text
            assert format_interval(Interval(*window["pooled_ci"]), 1.0, 3) in text
    for digest in found["lock"].values():
        assert digest in text


def test_every_p_stands_beside_its_difference(result: StudyResult, tables: Tables) -> None:
    text = render_words(result, tables)
    heads = [line for line in text.splitlines() if line.startswith("| contrast | all units")]
    assert len(heads) == 3, "primary, secondary, exploratory"
    assert "p, Holm" in heads[0]
    assert not any("Holm" in head for head in heads[1:])
    for head in heads:
        groups = [cell.rpartition(": ")[0] for cell in head.strip("| ").split(" | ")[1:]]
        assert groups == sorted(groups, key=groups.index), "columns of a group are adjacent"
        own = [cell for cell in head.strip("| ").split(" | ") if " p, " in f" {cell}"]
        assert all(": p, " in cell for cell in own), "no p without the difference that it tests"
    for family, head in zip(("primary", "secondary", "exploratory"), heads, strict=True):
        lines = text[text.index(head) :].splitlines()[2:]
        for c in select_family(result, family):
            start = f"`{c['arm']}` − `{c['against']}`"
            row = next(line for line in lines if line.strip("|* ").startswith(start))
            cells = [cell.strip("* ") for cell in row.strip("| ").split(" | ")][1:]
            ci = format_interval(Interval(*c["difference_ci"]), sign=True)
            main = [f"{format_points(c['difference'])} {ci}"]
            main += [f"{c['recovered']} : {c['disrupted']}"]
            main += [format_p_value(c["p_holm"] if family == "primary" else c["p"])]
            assert cells[:3] == main
            lost = f"{format_points(c['recovered_difference'])} "
            lost += format_interval(Interval(*c["recovered_difference_ci"]), sign=True)
            p = "–" if c["alternative"] == "noninferior" else format_p_value(c["failures_p"])
            assert cells[cells.index(lost) + 1] == p


def test_a_broken_budget_is_said_first(result: StudyResult, tables: Tables) -> None:
    arm = next(arm for arm in result.arms if arm.name == result.recommended)
    over = replace(PLAN, budget=replace(PLAN.budget, duty=0.1, at_most=arm.duty.value - 0.004))
    under = replace(PLAN, budget=replace(PLAN.budget, duty=0.1, at_most=arm.duty.value + 0.001))
    broken = render_words(result, tables, over)
    kept = render_words(result, tables, under)
    assert "0.40\u00a0pp more than the" in broken[: broken.index("## ")]
    assert "Over budget" not in kept
    assert "exceeded by 0.4\u00a0pp" in find_rows(broken, "arm | dial")["`advantage`"]
    assert "| **met** |" in find_rows(kept, "arm | dial")["`advantage`"]
    assert "met" not in find_rows(kept, "arm | dial")["`weak`"]


def test_criteria_that_calibration_settled_are_not_praised(
    result: StudyResult, tables: Tables
) -> None:
    weak = next(p for p in result.frontier if p.gate == "weak")
    tried = replace(weak, setting="as configured, on calibration units")
    turned = replace(result, frontier=(*result.frontier, tried))
    text = render_words(turned, tables)
    assert "That says little for `floor` and `ceiling`" in text
    assert "could hardly strike" in find_rows(text, "criterion")["`floor`"]
    assert "not struck" in find_rows(text, "criterion")["`early_auroc`"]
    close = replace(PLAN, kill=replace(PLAN.kill, floor=weak.success.value - 0.01))
    text = render_words(turned, tables, close)
    assert "That says little for `ceiling`" in text
    assert "not struck" in find_rows(text, "criterion")["`floor`"]


def test_a_placebo_has_no_strong_step(result: StudyResult, tables: Tables) -> None:
    arms = tuple(
        replace(arm, asks={"reseed": 3.0, "weak": 9.0}, duty=result.arms[3].duty)
        if arm.name == "reseed"
        else arm
        for arm in result.arms
    )
    text = render_words(replace(result, arms=arms), tables)
    row = find_rows(text, "arm | success")["`reseed`"]
    assert f"({format_percent(result.arms[3].duty.value)}) no strong step | 0.0 | 0.0 |" in row
    assert "`reseed` never calls the strong policy" in text


@pytest.mark.parametrize("change", [{"exploratory": True}, {"lock": {}}])
def test_exploratory_is_said(result: StudyResult, tables: Tables, change: dict[str, Any]) -> None:
    text = render_words(replace(result, **change), tables)
    assert "Exploratory: no plan was locked" in text
    assert "pre-registered" not in text
    assert "decided before" not in text


def test_the_level_of_arithmetic_is_said_where_the_lock_has_one(
    result: StudyResult, tables: Tables
) -> None:
    assert "Arithmetic:" not in render_words(result, tables)
    whole = render_words(replace(result, lock={**result.lock, "level": "x86-64-v3/1"}), tables)
    assert "Arithmetic: `x86-64-v3/1`. Rows are the same on every machine of that level" in whole
    assert "but for the parts" not in whole
    level = "x86-64-v3/1 except strong"
    partly = render_words(replace(result, lock={**result.lock, "level": level}), tables)
    assert "but for the parts that are named" in partly
