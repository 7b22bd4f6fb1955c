"""File checks: report, documents and tables of a study against each other; nothing is played."""

from __future__ import annotations

import json
from pathlib import Path

from aegis.app.study.checks.completeness import check_completeness
from aegis.app.study.checks.documents import check_documents
from aegis.app.study.checks.pages import check_pages
from aegis.app.study.checks.refusal import catch_refusal
from aegis.app.study.reporting import REPORT_FILE, StoredStudy
from aegis.core.errors import TraceError
from aegis.study.analysis.study_result import StudyResult
from aegis.study.play.small_tables import StudyTables
from aegis.study.verification import CheckResult, check_numbers


def check_files(root: Path, stored: StoredStudy, tables: StudyTables) -> list[CheckResult]:
    """Checks numbers and documents against the tables, and the tables against the plan.

    Args:
        root: Run folder.
        stored: The study.
        tables: Its tables.
    """
    checks: list[CheckResult] = []
    result = catch_refusal(checks, "numbers", lambda: _compute_result(stored, tables))
    if result is not None:
        checks.append(_check_report_numbers(root, result))
        document = catch_refusal(
            checks, "documents", lambda: check_documents(root, stored, tables, result)
        )
        checks += [document] if document is not None else []
    checks += (
        catch_refusal(checks, "completeness", lambda: check_completeness(root, stored, tables))
        or []
    )
    checks.append(check_pages(root))
    return checks


def _compute_result(stored: StoredStudy, tables: StudyTables) -> StudyResult:
    """Computes the result; tables that were edited may be such that there is none.

    Raises:
        TraceError: If the tables make no sense.
    """
    try:
        return stored.compute_result(tables)
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise TraceError(f"no result can be computed from these tables: {error!r}") from error


def _check_report_numbers(root: Path, result: StudyResult) -> CheckResult:
    """Compares the report with the result that was computed again."""
    path = root / REPORT_FILE
    if not path.exists():
        return CheckResult(
            "numbers", False, 0, f"{path} is missing; write it: aegis study report {root}"
        )
    try:
        reported = json.loads(path.read_text())
    except ValueError as error:
        return CheckResult("numbers", False, 0, f"{path} is damaged: {error}")
    return check_numbers(reported, json.loads(result.to_json_text()))
