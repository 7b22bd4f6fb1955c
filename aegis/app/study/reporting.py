"""Reporting: computes a study's result from its sealed tables, and writes it down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from aegis.app.config.plan_reader import read_plan
from aegis.app.config.settings import Settings
from aegis.app.screen import Screen
from aegis.app.study.locked_context import facts_of
from aegis.app.study.pictures import pictures
from aegis.app.study.prepared import composed_of, outer_digests
from aegis.app.study.rules import rules_of
from aegis.records.files import write_atomic
from aegis.report.examples import examples
from aegis.report.tables import Tables
from aegis.report.write import write_report
from aegis.study.analysis.pipeline import analyse
from aegis.study.analysis.study_result import Result
from aegis.study.plan.context import Facts
from aegis.study.plan.lockfile import Change, Locked, compare, read_lock
from aegis.study.plan.overrides import what_if
from aegis.study.plan.study_plan import StudyPlan
from aegis.study.play.seal import check_seal
from aegis.study.play.small_tables import StudyTables

JSON = "report.json"
EXPLORATORY = "exploratory"
"""Folder of a report that does not follow the plan."""


@dataclass(frozen=True, slots=True)
class Found:
    """A study as it is on disk.

    Attributes:
        locked: Its plan's file.
        plan: What it decides.
        facts: What else an analysis needs.
        changes: Code and versions that are not those that the plan was locked with.
    """

    locked: Locked
    plan: StudyPlan
    facts: Facts
    changes: tuple[Change, ...]

    @classmethod
    def read(cls, root: Path, otherwise: Sequence[str] = ()) -> Found:
        """Reads the plan of a run folder.

        Args:
            root: Run folder.
            otherwise: Changes of the plan, ``plan.key=value``; the analysis is then exploratory.

        Raises:
            TraceError: If there is none.
            LockError: If it was edited.
        """
        locked = read_lock(root)
        composed = composed_of(locked, {})
        plan = read_plan(Settings(what_if(composed.tree, otherwise)))
        changes = compare(locked.digests, outer_digests(root, composed.trusted))
        facts = facts_of(locked, plan, root, changes)
        if otherwise:
            note = f"Exploratory: {', '.join(otherwise)}, decided after the test units were played."
            facts = replace(facts, exploratory=True, notes=(*facts.notes, note))
        return cls(locked, plan, facts, changes)

    def result(self, tables: StudyTables) -> Result:
        """Computes the result from the tables, whatever computed it before."""
        return analyse(self.plan, tables, self.facts)

    def drawn(self, tables: StudyTables) -> Tables:
        """Returns what figures need beyond the result."""
        rules = rules_of(self.locked)
        return Tables(tables.episodes, tables.scores, tables.events, rules)


def report(
    root: Path, screen: Screen, otherwise: Sequence[str] = ()
) -> tuple[Result, tuple[Path, ...], tuple[Change, ...]]:
    """Writes ``report.json``, ``report.md``, ``report.html``, figures and pictures.

    Args:
        root: Run folder.
        screen: Is told.
        otherwise: Changes of the plan; the report then goes into ``exploratory/``, marked as such.

    Returns:
        The result, the files, and what differs from when the plan was locked.

    Raises:
        TraceError: If the run is not finished.
        LockError: If the plan or a table was edited.
    """
    found = Found.read(root, otherwise)
    check_seal(root, found.locked.digest)
    tables = StudyTables.load(root)
    result, drawn = found.result(tables), found.drawn(tables)
    out = root / EXPLORATORY if otherwise else root
    out.mkdir(exist_ok=True)
    write_atomic(out / JSON, result.text().encode())
    shown = examples(result, drawn)
    taken = pictures(root, composed_of(found.locked, {}), shown, screen)
    files = write_report(result, drawn, out, taken)
    return result, (out / JSON, *files), found.changes
