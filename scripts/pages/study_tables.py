"""Markdown tables of one study, from its report and its rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from scripts.pages.evidence import (
    BLIND,
    Range,
    carry_schedule,
    difference_of_tasks,
    judge_schedule,
    measure_gap,
)
from scripts.pages.study_rows import read_plan, read_report, read_rows

EARLIER = {
    "reference": "reference-second",
    "reference-tenth": "reference-tenth-first",
    "reference-tenth-portable": "reference-tenth",
}


def write_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Returns a Markdown table; the first column is text, the others are numbers."""
    lines = [head, [":--", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def share(value: float, interval: Sequence[float] | None = None) -> str:
    """Returns a share in per cent, such as ``13.6 % [12.9, 14.4]``."""
    ends = "" if interval is None else f" [{100 * interval[0]:.1f}, {100 * interval[1]:.1f}]"
    return f"{100 * value:.1f} %{ends}"


def points(value: float, low: float, high: float) -> str:
    """Returns a difference in percentage points, such as ``+10.8 [8.2, 13.3]``."""
    return f"{100 * value:+.1f} [{100 * low:.1f}, {100 * high:.1f}]"


def spread(value: Range) -> str:
    """Returns a range in percentage points."""
    return points(value.value, value.low, value.high)


def primary(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Returns the primary contrasts, the hardest first."""
    found = [one for one in report["contrasts"] if one["family"] == "primary"]
    return sorted(found, key=lambda one: float(one["difference"]))


def write_claim(study: str) -> str:
    """Returns the claim as the engine words it."""
    return "> " + str(read_report(study)["claim"])


def write_arms(study: str) -> str:
    """Returns what each arm solved and spent."""
    report, rows = read_report(study), read_rows(study)
    lines = []
    for name, arm in report["arms"].items():
        if name == report["reference"]:
            recovered = disrupted = ""
        else:
            recovered = share(arm["recovered"], arm["recovered_ci"])
            disrupted = share(arm["disrupted"], arm["disrupted_ci"])
        if name not in rows.arms:
            continue
        placebo = name == "reseed"
        steps = 0.0 if placebo else float(rows.arms[name].strong.mean())
        duty = f"0.0 % ({share(arm['duty'])} reseeded)" if placebo else share(arm["duty"])
        label = f"**`{name}`**" if name == report["recommended"] else f"`{name}`"
        success = share(arm["success"], arm["success_ci"])
        hands = f"{arm['fires']:.2f}"
        lines.append([label, success, recovered, disrupted, duty, f"{steps:.1f}", hands])
    head = ["arm", "success", "recovered", "disrupted", "duty", "strong steps per unit"]
    return write_table([*head, "hand-overs per unit"], lines)


def write_contrasts(study: str) -> str:
    """Returns the primary contrasts over all units: the estimand that the plan tests."""
    report, rows = read_report(study), read_rows(study)
    arm = rows.arms[report["recommended"]]
    lines = []
    for one in primary(report):
        other = rows.arms[one["against"]]
        placebo = one["against"] == "reseed"
        tasks = difference_of_tasks(arm.success - other.success, rows.task)
        steps = f"{(arm.strong - other.strong).mean():+.1f}"
        lines.append(
            [
                f"`{one['against']}`",
                points(one["difference"], *one["difference_ci"]),
                f"{one['p_holm']:.1e}",
                spread(tasks),
                f"{one['p_tasks']:.2g}",
                "" if placebo else f"{100 * one['duty_difference']:+.2f}",
                "" if placebo else steps,
            ]
        )
    head = ["against", "difference, all units [pp]", "p, Holm", "tasks as random [pp]"]
    more = ["p over tasks", "duty, more [pp]", "strong steps per unit, more"]
    return write_table([*head, *more], lines)


def write_recovered(study: str) -> str:
    """Returns the secondary estimand, with the p value that belongs to it."""
    report, rows = read_report(study), read_rows(study)
    failed = rows.arms[report["reference"]].success == 0
    arm = rows.arms[report["recommended"]]
    lines = []
    for one in primary(report):
        difference = (arm.success - rows.arms[one["against"]].success)[failed]
        tasks = difference_of_tasks(difference, rows.task[failed])
        lines.append(
            [
                f"`{one['against']}`",
                points(one["recovered_difference"], *one["recovered_difference_ci"]),
                "" if one["failures_p"] is None else f"{one['failures_p']:.1e}",
                spread(tasks),
            ]
        )
    head = ["against", "recovered-task rate, difference [pp]", "its own p, not corrected"]
    return write_table([*head, "tasks as random, mean of the task rates [pp]"], lines)


def write_foresight(study: str) -> str:
    """Returns how early and how well the score ranks failures, beside the baselines."""
    found = read_report(study)["detector"]
    lines = [_rank(f"`{found['name']}`", found)]
    lines += [_rank(f"baseline: {name}", one) for name, one in found["baselines"].items()]
    return write_table(["score", "AUROC within task", "AUROC pooled"], lines)


def _rank(name: str, one: Mapping[str, Any]) -> list[str]:
    cells = []
    for key in ("auroc_early_within_task", "auroc_early"):
        low, high = one[f"{key}_ci"]
        cells.append(f"{one[key]:.3f} [{low:.3f}, {high:.3f}]")
    return [name, *cells]


def write_budget(study: str) -> str:
    """Returns what the plan allowed and what was spent."""
    report, budget = read_report(study), read_plan(study)["budget"]
    name = report["recommended"]
    arm = report["arms"][name]
    over = arm["duty"] > budget["at_most"]
    rows = [
        ["duty that the dial aimed at (`plan.budget.duty`)", share(budget["duty"])],
        ["duty on calibration units", share(arm["duty_calibration"])],
        ["duty that the plan allows at most (`plan.budget.at_most`)", share(budget["at_most"])],
        [f"duty of `{name}` on test units", f"{100 * arm['duty']:.2f} %"],
        ["within the plan's own limit", "**no**" if over else "yes"],
    ]
    return write_table(["budget", ""], rows)


def write_gap(study: str) -> str:
    """Returns how much of the way from random to oracle timing is closed, at equal duty."""
    report = read_report(study)
    name = report["recommended"]
    gap = measure_gap(read_rows(study), read_rows(study, "forks"), name)
    printed = next(one for one in report["gaps"] if one["arm"] == name)
    rows = [
        ["forked units", str(gap.units)],
        [f"duty of `{name}` on them, and of the oracle", share(gap.duty)],
        ["success of `random`", share(gap.random)],
        [f"success of `{name}`", share(gap.arm)],
        ["success of the oracle at that duty", share(gap.oracle)],
        ["**way from random to oracle, closed**", f"**{100 * gap.closed:.0f} %**"],
        [
            "as `report.json` has it, with an oracle of less duty",
            f"{100 * printed['closed']:.0f} %",
        ],
    ]
    return write_table(["oracle", ""], rows)


def write_schedules(study: str) -> str:
    """Returns how the gate compares with schedules that know which task they are in."""
    rows, arm = read_rows(study), str(read_report(study)["recommended"])
    earlier = read_rows(EARLIER[study])
    lines = []
    for label, names in (("blind arms", BLIND), ("blind arms and `strong`", (*BLIND, "strong"))):
        for way, found in (
            ("the other half of this study", judge_schedule(rows, arm, names)),
            ("the earlier study", carry_schedule(earlier, rows, arm, names)),
        ):
            spent = f"{share(found.success)} at {share(found.duty)}"
            lines.append([label, way, spent, spread(found.units), spread(found.tasks)])
    gate = rows.arms[arm]
    head = ["a task may go to", "fitted on", "schedule: success at duty"]
    more = [f"`{arm}` ({share(gate.success.mean())} at {share(gate.duty)}) minus schedule [pp]"]
    return write_table([*head, *more, "tasks as random [pp]"], lines)
