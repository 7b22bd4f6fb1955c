"""Writer: puts a report into a folder: Markdown, one HTML page, and the figures as SVG."""

from __future__ import annotations

from collections.abc import Container, Mapping
from pathlib import Path

from aegis.records.files import disk_error, write_atomic
from aegis.report.figures.charts import draw_charts
from aegis.report.figures.svg import make_standalone
from aegis.report.render import render_html, render_markdown
from aegis.report.tables import Tables
from aegis.report.view import StudyView
from aegis.study.analysis.study_result import StudyResult
from aegis.study.plan.study_plan import StudyPlan

FOLDER, MARKDOWN_FILE, PAGE_FILE = "figures", "report.md", "report.html"
NO_PICTURES: Mapping[str, Mapping[int, bytes]] = {}


def write_report(
    result: StudyResult,
    plan: StudyPlan,
    tables: Tables,
    out: Path,
    pictures: Mapping[str, Mapping[int, bytes]] = NO_PICTURES,
) -> tuple[Path, ...]:
    """Writes ``report.md``, ``report.html`` and ``figures/*.svg``; equal results give equal bytes.

    Figures of an earlier report that this one does not have are removed.

    Args:
        result: All numbers.
        plan: What was decided beforehand: roles of arms, budget and criteria.
        tables: Rows for the figures that show more than the result holds; may be empty.
        out: The folder; made if it is not there.
        pictures: PNG pictures by kind of example (``recovered``, ``missed``, ``disrupted``) and
            tick; of the episodes that ``aegis.report.examples.select_examples`` chooses.

    Returns:
        The files: Markdown, page, figures in the order in which they were drawn.

    Raises:
        MachineError: If the disk is full or cannot be written.
    """
    documents = render_documents(StudyView(result, plan, tables, pictures))
    files = {out / name: text for name, text in documents.items()}
    _clear_figures(out / FOLDER, files)
    for path, text in files.items():
        write_atomic(path, text.encode("utf-8"))
    return tuple(files)


def render_documents(view: StudyView) -> dict[str, str]:
    """Returns the text of every document by its path in the run folder, for example ``report.md``.

    Args:
        view: The study, with the pictures that its report shows.
    """
    charts = draw_charts(view)
    return {
        MARKDOWN_FILE: render_markdown(view, charts),
        PAGE_FILE: render_html(view, charts),
        **{f"{FOLDER}/{c.name}.svg": make_standalone(c.svg) for c in charts.values()},
    }


def _clear_figures(folder: Path, kept: Container[Path]) -> None:
    """Makes the folder of figures, and removes those of an earlier report but ``kept``."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for old in sorted(folder.glob("*.svg")):
            if old not in kept:
                old.unlink()
    except OSError as error:
        raise disk_error(folder.parent, error) from error
