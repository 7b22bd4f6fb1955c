"""Render: puts texts, tables and figures into one HTML page, or into Markdown."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from aegis.report import markup
from aegis.report.figures.drawing import Chart
from aegis.report.palette import DARK, LIGHT, write_dark_rules, write_variables
from aegis.report.prose import Prose
from aegis.report.summary import list_notices, list_tiles
from aegis.report.tabulation import arms, contrasts, detector, plan, sources
from aegis.report.tabulation.table import Table
from aegis.report.view import StudyView

HTML, MARKDOWN = "html.j2", "markdown.j2"
_FILTERS: dict[str, dict[str, Callable[..., Any]]] = {
    HTML: {
        "inline": markup.mark_html,
        "cell": markup.mark_html_cell,
        "label": markup.label_html,
        "markup": Markup,
    },
    MARKDOWN: {
        "inline": markup.mark_markdown,
        "cell": markup.mark_markdown_cell,
        "label": markup.label_column,
        "row": markup.write_row,
        "bars": markup.write_bars,
        "embolden": markup.embolden,
    },
}


def render_html(view: StudyView, charts: Mapping[str, Chart]) -> str:
    """Returns the report as one HTML page that needs nothing else."""
    text = _render(HTML, view, charts)
    return re.sub(r"\n\s*\n+", "\n", text).lstrip()


def render_markdown(view: StudyView, charts: Mapping[str, Chart]) -> str:
    """Returns the report as Markdown; figures are looked for as ``figures/<name>.svg``."""
    text = _render(MARKDOWN, view, charts)
    text = re.sub(r"^[ \t]+", "", text, flags=re.MULTILINE)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def tabulate_all(view: StudyView) -> dict[str, Table | None]:
    """Returns every table of a report by name; None where the study has nothing for it."""
    return {
        "primary": contrasts.tabulate_primary(view),
        "secondary": contrasts.tabulate_secondary(view),
        "exploratory": contrasts.tabulate_exploratory(view),
        "readings": contrasts.tabulate_readings(view),
        "tasks": contrasts.tabulate_tasks(view),
        "arms": arms.tabulate_arms(view),
        "costs": arms.tabulate_costs(view),
        "gaps": arms.tabulate_gaps(view),
        "latency": arms.tabulate_latency(view),
        "auroc_within_task": detector.tabulate_auroc(view, within=True),
        "auroc_pooled": detector.tabulate_auroc(view, within=False),
        "gains": detector.tabulate_gains(view),
        "timing": detector.tabulate_timing(view),
        "forks": detector.tabulate_forks(view),
        "kills": plan.tabulate_kills(view),
        "lock": plan.tabulate_lock(view),
        "sources": sources.tabulate_sources(),
    }


@cache  # an environment keeps its templates compiled, which takes longer than filling them in
def _open_templates(form: str) -> Environment:
    environment = Environment(
        loader=PackageLoader("aegis.report"), undefined=StrictUndefined, autoescape=form == HTML,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= _FILTERS[form]
    environment.filters |= {
        "paragraphs": markup.split_paragraphs,
        "items": markup.split_items,
        "origin": markup.name_source,
        "anchor": markup.make_anchor,
    }
    return environment


def _render(form: str, view: StudyView, charts: Mapping[str, Chart]) -> str:
    names = ("contrasts", "arms", "flow", "tasks", "frontier", "auroc", "reliability", "traces",
             "timing", "forks")  # fmt: skip
    known: dict[str, Any] = {
        "form": form,
        "view": view,
        "result": view.result,
        "text": Prose(view).write,
        "charts": {name: charts.get(name) for name in names},
        "tables": tabulate_all(view),
        "tiles": list_tiles(view),
        "notices": list_notices(view),
        "titles": [],
        "light": write_variables(LIGHT),
        "dark": write_variables(DARK, "    "),
        "dark_rules": write_dark_rules("  "),
    }
    return _open_templates(form).get_template("report.j2").render(known)
