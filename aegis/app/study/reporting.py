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
"""Folder of a report that deviates from the plan."""


@dataclass(frozen=True, slots=True)
class StoredStudy:
    """A study on disk.

    Attributes:
        locked: File of its plan.
        plan: Section ``plan`` of that file.
        context: Context of the analysis.
        changes: Code and versions that differ from those at locking.
    """

    locked: LockedPlan
    plan: StudyPlan
    context: AnalysisContext
    changes: tuple[DigestChange, ...]

    @classmethod
    def read_folder(cls, root: Path, overrides: Sequence[str] = ()) -> StoredStudy:
        """Reads the plan of a run folder.

        Args:
            root: Run folder.
            overrides: Changes of the plan, ``plan.key=value``; the analysis is then exploratory.

        Raises:
            TraceError: If there is no plan.
            LockError: If it was edited.
        """
        locked = read_lock(root)
        composed = compose_locked(locked, {}, check=False)
        plan = read_plan(Settings(apply_overrides(composed.tree, overrides)))
        changes = compare_digests(locked.digests, collect_outer_digests(root, composed.trusted))
        context = build_analysis_context(locked, plan, root, changes)
        if overrides:
            note = f"Exploratory: {', '.join(overrides)}, decided after the test units were played."
            context = replace(context, exploratory=True, notes=(*context.notes, note))
        return cls(locked, plan, context, changes)

    def compute_result(self, tables: StudyTables) -> StudyResult:
        """Computes the result from the tables anew."""
        return analyse_study(self.plan, tables, self.context)

    def select_tables(self, tables: StudyTables) -> Tables:
        """Returns the tables that figures need besides the result."""
        rules = read_rules(self.locked)
        return Tables(tables.episodes, tables.scores, tables.events, rules)


def write_study_report(
    root: Path, screen: Screen, overrides: Sequence[str] = ()
) -> tuple[StudyResult, tuple[Path, ...], tuple[DigestChange, ...]]:
    """Writes ``report.json``, ``report.md``, ``report.html``, figures and pictures.

    Args:
        root: Run folder.
        screen: Receives notes.
        overrides: Changes of the plan; the report then goes into ``exploratory/``, marked as such.

    Returns:
        The result, the files, and the differences from the state at locking.

    Raises:
        TraceError: If the run is not finished.
        LockError: If the plan or a table was edited.
    """
    # Importing the drawing library is slow, and most commands draw nothing.
    from aegis.report.writer import write_report

    study = StoredStudy.read_folder(root, overrides)
    check_seal(root, study.locked.digest)
    tables = StudyTables.read_folder(root)
    result, figure_tables = study.compute_result(tables), study.select_tables(tables)
    out = root / EXPLORATORY_FOLDER if overrides else root
    out.mkdir(exist_ok=True)
    write_atomic(out / REPORT_FILE, result.to_json_text().encode())
    examples = select_examples(result, study.plan, figure_tables)
    pictures = gather_pictures(
        root, compose_locked(study.locked, {}, check=False), examples, screen
    )
    files = write_report(result, study.plan, figure_tables, out, pictures)
    return result, (out / REPORT_FILE, *files), study.changes
