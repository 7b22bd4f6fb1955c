"""Contrasts: arms against each other; every p stands beside the difference that it is about."""

from __future__ import annotations

import math
from collections.abc import Sequence

from aegis.report.tables import list_task_words
from aegis.report.tabulation.table import Column, Table, make_table, mark_code
from aegis.report.view import StudyView
from aegis.stats.intervals import Interval
from aegis.study.analysis.contrast_result import ContrastResult
from aegis.study.analysis.formatting import (
    NO_BREAK_SPACE,
    NO_NUMBER,
    format_decimal,
    format_difference,
    format_interval,
    format_p_value,
    format_points,
)
from aegis.study.plan.study_plan import NONINFERIOR

ALL, TASKS, COST = "all units (primary estimand)", "tasks as random", "duty"


def tabulate_primary(view: StudyView) -> Table | None:
    """Tabulates the contrasts that the claim rests on."""
    return _tabulate(view, view.primary, "table_primary", corrected=True)


def tabulate_secondary(view: StudyView) -> Table | None:
    """Tabulates the contrasts that were planned outside the family."""
    return _tabulate(view, view.secondary, "table_secondary", corrected=False)


def tabulate_exploratory(view: StudyView) -> Table | None:
    """Tabulates the contrasts that no plan names."""
    return _tabulate(view, view.exploratory, "table_exploratory", corrected=False)


def tabulate_readings(view: StudyView) -> Table | None:
    """Tabulates other readings of the primary contrasts."""
    found = view.primary
    columns = (
        _name_rows(found),
        Column("one by one", tuple(format_p_value(c.p) for c in found), "p, not corrected"),
        Column("mid-p", tuple(format_p_value(c.mid_p) for c in found), "p, not corrected"),
        Column("starts as clusters", tuple(_write_p(c, c.p_starts) for c in found),
               "p, not corrected"),
        Column("starts as clusters [pp]",
               tuple(_write_interval(c.difference_clustered) for c in found), "95 % interval"),
        Column("first at", tuple(_write_stop(c) for c in found), "e-process"),
        Column("log10 e", tuple(format_decimal(c.looks.log_e / math.log(10), 1) for c in found),
               "e-process"),
        Column("D > 0", tuple(format_decimal(c.posterior.p_positive, 3) for c in found),
               "posterior"),
        Column("D > 2 pp", tuple(format_decimal(c.posterior.p_above_2pp, 3) for c in found),
               "posterior"),
    )  # fmt: skip
    return make_table("table_readings", columns, "contrasts")


def tabulate_tasks(view: StudyView) -> Table | None:
    """Tabulates every planned contrast task by task."""
    found = [contrast for contrast in view.drawn_contrasts if contrast.per_task]
    numbers = sorted({task.task for contrast in found for task in contrast.per_task})
    words = list_task_words(view.tables.episodes) if len(numbers) > 1 else {}
    columns = [Column("task", tuple(f"{n}  {words.get(n, '')}".strip() for n in numbers))]
    for contrast in found:
        cells = {
            task.task: format_points(task.difference.value).removesuffix(f"{NO_BREAK_SPACE}pp")
            + f"\n{task.recovered} : {task.disrupted}"
            for task in contrast.per_task
        }
        mine = contrast.arm == view.result.recommended
        head = mark_code(contrast.against)
        head = head if mine else f"{mark_code(contrast.arm)} − {head}"
        columns.append(Column(head, tuple(cells.get(n, NO_NUMBER) for n in numbers)))
    return make_table("table_tasks", columns if found else (), "contrasts[].per_task")


def write_margin(contrast: ContrastResult) -> str:
    """Returns the margin of a contrast in words; empty if it asks for more, not for not less."""
    if contrast.alternative != NONINFERIOR:
        return ""
    return f"not worse by {100 * (contrast.margin or 0.0):g}{NO_BREAK_SPACE}pp"


def _tabulate(
    view: StudyView, found: Sequence[ContrastResult], name: str, *, corrected: bool
) -> Table | None:
    failing = f"units that {mark_code(view.result.reference)} fails"
    raw = "p, not corrected"
    columns = (
        _name_rows(found),
        Column("difference", tuple(format_difference(c.difference) for c in found), ALL),
        Column("only one solved", tuple(f"{c.recovered} : {c.disrupted}" for c in found), ALL),
        Column("p, Holm" if corrected else raw,
               tuple(format_p_value(c.p_holm if corrected else c.p) for c in found), ALL),
        Column("holds", tuple("yes" if c.passed else "no" for c in found), ALL)
        if corrected else None,
        Column("interval [pp]", tuple(_write_tasks(view, c) for c in found), TASKS),
        Column(raw, tuple(_write_p(c, c.p_tasks) for c in found), TASKS),
        Column("difference", tuple(format_difference(c.recovered_difference) for c in found),
               failing),
        Column(raw, tuple(_write_p(c, c.failures_p) for c in found), failing),
        Column("difference", tuple(format_difference(c.duty_difference) for c in found), COST),
    )  # fmt: skip
    bold = [i for i, c in enumerate(found) if c == view.rival and corrected]
    bad = [i for i, c in enumerate(found) if corrected and not c.passed]
    facts = {"tasks": max((len(c.per_task) for c in found), default=0)}
    return make_table(name, columns, "contrasts", bold=bold, bad=bad, facts=facts)


def _write_tasks(view: StudyView, contrast: ContrastResult) -> str:
    """Returns the interval with tasks as a random sample, else that of whole tasks resampled."""
    more = view.result.supplement
    for one in more.contrasts if more is not None else ():
        if (one.arm, one.against) == (contrast.arm, contrast.against):
            return _write_interval(one.difference_random_tasks.ci)
    return _write_interval(contrast.difference_tasks)


def _name_rows(found: Sequence[ContrastResult]) -> Column:
    names = [f"{mark_code(c.arm)} − {mark_code(c.against)}" for c in found]
    cells = ["\n".join(p for p in (n, write_margin(c)) if p) for n, c in zip(names, found)]  # noqa: B905
    return Column("contrast", tuple(cells))


def _write_p(contrast: ContrastResult, p: float) -> str:
    """Tests over clusters or failures ask for more, so they say nothing on non-inferiority."""
    return NO_NUMBER if contrast.alternative == NONINFERIOR else format_p_value(p)


def _write_interval(ci: Interval) -> str:
    return format_interval(ci, sign=True) or NO_NUMBER


def _write_stop(contrast: ContrastResult) -> str:
    return "never" if contrast.looks.stop is None else f"unit {contrast.looks.stop}"
