from __future__ import annotations

import pytest

from aegis.records.rows import EpisodeRow
from aegis.report.tables import Tables
from aegis.study.analysis.study_result import StudyResult
from tests.report import made


@pytest.fixture(scope="session")
def rows() -> tuple[EpisodeRow, ...]:
    return made.episodes(per_task=12)


@pytest.fixture(scope="session")
def result(rows: tuple[EpisodeRow, ...]) -> StudyResult:
    return made.result(rows)


@pytest.fixture(scope="session")
def tables(rows: tuple[EpisodeRow, ...]) -> Tables:
    return made.tables(rows)
