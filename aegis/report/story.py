"""Story: a result as a document, in the order in which a sceptical reader asks."""

from __future__ import annotations

from collections.abc import Iterable

from aegis.report import detection, evidence, frontier, outcomes, sheets, timing
from aegis.report.document import Block, Document, Figure, Heading
from aegis.report.methods import limits, methods, sources
from aegis.report.opening import locked, opening, registered, roles
from aegis.report.tables import Tables
from aegis.report.traces import Pictures, traces
from aegis.study.analysis.study_result import StudyResult


def story(result: StudyResult, tables: Tables, pictures: Pictures) -> Document:
    """Returns the report.

    Args:
        result: All numbers.
        tables: Rows for the figures that show more than the result holds.
        pictures: PNG pictures of the episodes that ``examples`` chooses, by kind and tick.
    """
    blocks = [
        *opening(result),
        *registered(result),
        *_section("What the arms did", roles(result), sheets.arms(result), outcomes.arms(result)),
        *_section(
            "Against whom",
            outcomes.contrasts(result),
            sheets.contrasts(result),
            sheets.secondary(result),
        ),
        *_section("Where outcomes went", outcomes.flow(result), outcomes.tasks(result, tables)),
        *_section(
            "Success against duty",
            frontier.frontier(result),
            sheets.costs(result),
            sheets.latency(result),
            sheets.gaps(result),
        ),
        *_section(
            "What the detector sees",
            detection.auroc(result),
            evidence.detector(result),
            detection.reliability(result),
        ),
        *_section(
            "When it handed over",
            traces(result, tables, pictures),
            timing.timing(result, tables),
            evidence.timing(result),
        ),
        *_section("What a hand-over is worth", timing.forks(result), evidence.forks(result)),
        *_section("Exploratory contrasts", sheets.exploratory(result)),
        *methods(result),
        *limits(result),
        *locked(result),
        *sources(),
    ]
    kind = "exploratory study" if result.exploratory or not result.lock else "pre-registered study"
    return Document(f"AEGIS, {kind} `{result.name.replace('`', chr(39))}`", tuple(blocks))


def _section(title: str, *parts: Iterable[Block] | Figure | None) -> list[Block]:
    """Returns a section; nothing at all if it would be empty."""
    blocks: list[Block] = []
    for part in parts:
        if isinstance(part, Figure):
            blocks.append(part)
        elif part is not None:
            blocks += part
    return [Heading(title), *blocks] if blocks else []
