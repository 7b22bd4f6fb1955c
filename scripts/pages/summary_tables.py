"""Tables over several studies: the three rows of the README, and the summary of the results."""

from __future__ import annotations

from scripts.pages.evidence import BLIND, difference_of_tasks, judge_schedule, measure_gap
from scripts.pages.study_rows import read_plan, read_report, read_rows
from scripts.pages.study_tables import points, primary, share, spread, write_table

STUDIES = (
    "reference-portable",
    "reference",
    "reference-second",
    "reference-first",
    "reference-tenth-portable",
    "reference-tenth",
    "reference-tenth-first",
)


def write_headline() -> str:
    """Returns the hardest rival in either regime, and a schedule that knows the task."""
    lines = [_hardest(study) for study in ("reference", "reference-tenth")]
    rows = read_rows("reference-tenth")
    found = judge_schedule(rows, "rescue", (*BLIND, "strong"))
    gate = rows.arms["rescue"]
    lines.append(
        [
            share(rows.arms["weak"].success.mean()),
            f"{share(gate.success.mean())} at {share(gate.duty)}",
            "a schedule fitted to each task, not planned",
            spread(found.units),
            "",
            spread(found.tasks),
        ]
    )
    head = ["weak alone", "with the gate, at a duty of", "hardest rival"]
    more = ["gate minus rival [pp]", "p, Holm", "if tasks are a random sample [pp]"]
    return write_table([*head, *more], lines)


def _hardest(study: str) -> list[str]:
    report, rows = read_report(study), read_rows(study)
    one = primary(report)[0]
    gate, other = rows.arms[one["arm"]], rows.arms[one["against"]]
    return [
        share(rows.arms["weak"].success.mean()),
        f"{share(gate.success.mean())} at {share(gate.duty)}",
        f"`{one['against']}`, at {share(other.duty)}",
        points(one["difference"], *one["difference_ci"]),
        f"{one['p_holm']:.1e}",
        spread(difference_of_tasks(gate.success - other.success, rows.task)),
    ]


def write_summary() -> str:
    """Returns one column for each study."""
    columns = [_column(study) for study in STUDIES]
    names = [name for name, _ in columns[0]]
    lines = [[name, *[column[n][1] for column in columns]] for n, name in enumerate(names)]
    return write_table(["", *[f"[{study}]({study}.md)" for study in STUDIES]], lines)


def _column(study: str) -> list[tuple[str, str]]:
    report, rows, plan = read_report(study), read_rows(study), read_plan(study)
    name = report["recommended"]
    arm = report["arms"][name]
    hard = primary(report)[0]
    difference = rows.arms[name].success - rows.arms[hard["against"]].success
    gap = measure_gap(rows, read_rows(study, "forks"), name)
    within = report["detector"]["auroc_early_within_task"]
    low, high = report["detector"]["auroc_early_within_task_ci"]
    allowed = plan["budget"]["at_most"]
    over = " **(over)**" if arm["duty"] > allowed else ""
    return [
        ("gate", f"`{name}`"),
        ("weak alone", share(report["arms"]["weak"]["success"])),
        ("with the gate", share(arm["success"])),
        ("duty, test units", share(arm["duty"])),
        ("duty, allowed by the plan", f"{share(allowed)}{over}"),
        ("control with the smallest difference over all units", f"`{hard['against']}`"),
        ("that difference [pp]", points(hard["difference"], *hard["difference_ci"])),
        ("p, Holm", f"{hard['p_holm']:.1e}"),
        ("the same, tasks as random [pp]", spread(difference_of_tasks(difference, rows.task))),
        ("recovered", share(arm["recovered"])),
        ("disrupted", share(arm["disrupted"], arm["disrupted_ci"])),
        ("early AUROC within task", f"{within:.3f} [{low:.3f}, {high:.3f}]"),
        ("oracle gap closed, at equal duty", f"{100 * gap.closed:.0f} %"),
    ]
