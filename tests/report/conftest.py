from __future__ import annotations

import pytest

from aegis.records.rows import EpisodeRow
from aegis.report.figures.charts import draw_charts
from aegis.report.figures.drawing import Chart
from aegis.report.tables import Tables
from aegis.report.view import StudyView
from aegis.study.analysis.study_result import StudyResult
from aegis.study.plan.study_plan import StudyPlan
from tests.report import made


@pytest.fixture(scope="session")
def rows() -> tuple[EpisodeRow, ...]:
    return made.episodes(per_task=12)


@pytest.fixture(scope="session")
def result(rows: tuple[EpisodeRow, ...]) -> StudyResult:
    return made.result(rows)


@pytest.fixture(scope="session")
def plan() -> StudyPlan:
    return made.plan()


@pytest.fixture(scope="session")
def view(result: StudyResult, plan: StudyPlan, tables: Tables) -> StudyView:
    return StudyView(result, plan, tables, made.pictures())


@pytest.fixture(scope="session")
def charts(view: StudyView) -> dict[str, Chart]:
    return draw_charts(view)


@pytest.fixture(scope="session")
def tables(rows: tuple[EpisodeRow, ...]) -> Tables:
    return made.tables(rows)
