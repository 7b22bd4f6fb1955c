"""Completeness checks: a study's tables hold what its locked plan says; nothing is built for it."""

from __future__ import annotations

from pathlib import Path

from aegis.app.config.lab import choose_units, read_suite_name
from aegis.app.config.settings import Settings
from aegis.app.study.prepared_study import compose_locked
from aegis.app.study.reporting import StoredStudy
from aegis.core.types import EpisodeKey
from aegis.study.completeness import (
    check_calibration_table,
    check_forks,
    check_scores,
    check_stop,
    name_fork_arms,
)
from aegis.study.play.small_tables import StudyTables
from aegis.study.verification import CheckResult, check_units

_FORKS_FILE, _SCORES_FILE = "forks.parquet", "scores.parquet"


def check_completeness(root: Path, stored: StoredStudy, tables: StudyTables) -> list[CheckResult]:
    """Checks that every planned unit is there: test units, forks, scores and calibration.

    Args:
        root: Run folder; forks and scores that are not in it are not looked for.
        stored: The study.
        tables: Its tables.

    Raises:
        TraceError: If the calibration table is damaged.
    """
    settings, plan = Settings(stored.locked.tree), stored.plan
    arms, units = settings.level("arms").names(), list_planned_units(stored)
    checks = [
        check_units(tables.episodes, arms, units),
        check_stop(tables.episodes, plan, units),
        check_calibration_table(root, stored.locked, list_planned_units(stored, "calibration")),
    ]
    if (root / _FORKS_FILE).exists():
        level = settings.level("forks")
        planned = units[: level.integer("units", 0)]
        names = name_fork_arms(plan.reference, level.integers("ticks"))
        checks.append(check_forks(tables.forks, planned, names))
    if (root / _SCORES_FILE).exists():
        named = [plan.reference, plan.published, plan.recommended]
        if settings.value("keep"):
            named += settings.texts("keep")
        checks.append(check_scores(tables.scores, tables.episodes, tuple(dict.fromkeys(named))))
    return checks


def list_planned_units(stored: StoredStudy, split: str = "") -> tuple[EpisodeKey, ...]:
    """Lists the units of a locked plan in their order, without world and policies.

    Args:
        stored: The study.
        split: ``calibration``; by default, the test units.
    """
    composed = compose_locked(stored.locked, {}, check=False)
    settings, suite = Settings(composed.tree), read_suite_name(composed)
    level = settings.level("calibration") if split else settings
    offset = level.integer("offset", 0) if split else None
    count, start = level.integer("units", 1), settings.level("start")
    return choose_units(settings, start, suite, count, split or None, offset)
