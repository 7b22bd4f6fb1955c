"""Reporting: computes a study's result from its sealed tables and writes the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from aegis.app.config.plan_reader import read_plan
from aegis.app.config.settings import Settings
from aegis.app.screen import Screen
from aegis.app.study.locked_context import build_analysis_context
from aegis.app.study.pictures import gather_pictures
from aegis.app.study.prepared_study import collect_outer_digests, compose_locked
from aegis.app.study.rules import read_rules
from aegis.records.files import write_atomic
from aegis.report.examples import select_examples
from aegis.report.tables import Tables
from aegis.study.analysis.pipeline import analyse_study
from aegis.study.analysis.study_result import StudyResult
from aegis.study.plan.context import AnalysisContext
from aegis.study.plan.lockfile import DigestChange, LockedPlan, compare_digests, read_lock
from aegis.study.plan.overrides import apply_overrides
from aegis.study.plan.study_plan import StudyPlan
from aegis.study.play.seal import check_seal
from aegis.study.play.small_tables import StudyTables

REPORT_FILE = "report.json"
EXPLORATORY_FOLDER = "exploratory"
"""Folder of a report that does not follow the plan."""


@dataclass(frozen=True, slots=True)
class StoredStudy:
    """A study as it is on disk.

    Attributes:
        locked: Its plan's file.
        plan: What it decides.
        facts: What else an analysis needs.
        changes: Code and versions that are not those that the plan was locked with.
    """

    locked: LockedPlan
    plan: StudyPlan
    facts: AnalysisContext
    changes: tuple[DigestChange, ...]

    @classmethod
    def read_folder(cls, root: Path, otherwise: Sequence[str] = ()) -> StoredStudy:
        """Reads the plan of a run folder.

        Args:
            root: Run folder.
            otherwise: Changes of the plan, ``plan.key=value``; the analysis is then exploratory.

        Raises:
            TraceError: If there is none.
            LockError: If it was edited.
        """
        locked = read_lock(root)
        composed = compose_locked(locked, {}, check=False)
        plan = read_plan(Settings(apply_overrides(composed.tree, otherwise)))
        changes = compare_digests(locked.digests, collect_outer_digests(root, composed.trusted))
        facts = build_analysis_context(locked, plan, root, changes)
        if otherwise:
            note = f"Exploratory: {', '.join(otherwise)}, decided after the test units were played."
            facts = replace(facts, exploratory=True, notes=(*facts.notes, note))
        return cls(locked, plan, facts, changes)

    def compute_result(self, tables: StudyTables) -> StudyResult:
        """Computes the result from the tables, whatever computed it before."""
        return analyse_study(self.plan, tables, self.facts)

    def select_tables(self, tables: StudyTables) -> Tables:
        """Returns what figures need beyond the result."""
        rules = read_rules(self.locked)
        return Tables(tables.episodes, tables.scores, tables.events, rules)


def write_study_report(
    root: Path, screen: Screen, otherwise: Sequence[str] = ()
) -> tuple[StudyResult, tuple[Path, ...], tuple[DigestChange, ...]]:
    """Writes ``report.json``, ``report.md``, ``report.html``, figures and pictures.

    Args:
        root: Run folder.
        screen: Receives notes.
        otherwise: Changes of the plan; the report then goes into ``exploratory/``, marked as such.

    Returns:
        The result, the files, and what differs from when the plan was locked.

    Raises:
        TraceError: If the run is not finished.
        LockError: If the plan or a table was edited.
    """
    # Drawing is rare, and importing what draws is slow.
    from aegis.report.writer import write_report

    found = StoredStudy.read_folder(root, otherwise)
    check_seal(root, found.locked.digest)
    tables = StudyTables.read_folder(root)
    result, drawn = found.compute_result(tables), found.select_tables(tables)
    out = root / EXPLORATORY_FOLDER if otherwise else root
    out.mkdir(exist_ok=True)
    write_atomic(out / REPORT_FILE, result.to_json_text().encode())
    shown = select_examples(result, found.plan, drawn)
    taken = gather_pictures(root, compose_locked(found.locked, {}, check=False), shown, screen)
    files = write_report(result, found.plan, drawn, out, taken)
    return result, (out / REPORT_FILE, *files), found.changes
