"""Document check: a study's documents are those that its sealed tables give."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from aegis.app.config.settings import Settings
from aegis.app.study.pictures import read_pictures
from aegis.app.study.reporting import REPORT_FILE, StoredStudy
from aegis.records.provenance import read_version
from aegis.report.comparison import NUDGE, find_differences, nudge_numbers
from aegis.report.examples import select_examples
from aegis.report.tokens import LABEL_TOLERANCE, MARK_TOLERANCE
from aegis.report.view import StudyView
from aegis.study.analysis.study_result import StudyResult
from aegis.study.play.small_tables import StudyTables
from aegis.study.verification import CheckResult

NAME = "documents"
_PROVENANCE = re.compile(
    r"Analysed by other code or versions than the plan was locked with: [\w.\\-]+(, [\w.\\-]+)*\. "
    r"The tables are as sealed; aegis study verify "
    r"(checks whether they can be replayed|tells whether they can be played again)\."
)
"""The note on the code that wrote a report; other code wrote it than checks it."""
_PROVENANCE_ITEM = re.compile(rf"^(- {_PROVENANCE.pattern}|<li>{_PROVENANCE.pattern}</li>)\n", re.M)


def check_documents(
    root: Path, stored: StoredStudy, tables: StudyTables, result: StudyResult
) -> CheckResult:
    """Makes the documents again from the sealed tables and compares them with those of the folder.

    Bytes are compared first. Where they differ, as they may between versions of matplotlib and
    Jinja2, every word must be equal, every picture to the pixel, and every mark of a figure within
    ``MARK_TOLERANCE``. It needs no simulator: pictures are read, not taken.

    Args:
        root: Run folder.
        stored: The study.
        tables: Its tables.
        result: What they give.
    """
    result = replace(result, notes=_drop_provenance(result.notes))
    figure_tables = stored.select_tables(tables)
    examples = select_examples(result, stored.plan, figure_tables)
    pictures = read_pictures(root, Settings(stored.locked.tree), examples)
    view = StudyView(result, stored.plan, figure_tables, pictures)
    expected = _render(view)
    actual = {name: _read_text(root / name) for name in expected}
    same = [name for name, text in expected.items() if actual[name] == text]
    differing = {name: text for name, text in actual.items() if name not in same}
    faults = _list_report_faults(_read_report(root), result)
    faults += [f"{name} is missing" for name, text in actual.items() if text is None]
    faults += [f"{name} shows nothing of this study" for name in _list_strangers(root, expected)]
    faults += _compare_documents(differing, expected, view)
    shown = sum(map(len, pictures.values()))
    summary = f"{len(same)} equal byte for byte"
    if differing:
        summary += (
            f"; of {len(differing)} every word, marks within {MARK_TOLERANCE} px, labels within "
            f"{LABEL_TOLERANCE:g} px, drawn here by matplotlib {read_version('matplotlib')}"
        )
    summary += f"; they embed the {shown} pictures of the folder, which are not taken again"
    return CheckResult.from_faults(NAME, len(expected), faults, summary)


def _compare_documents(
    actual: Mapping[str, str | None], expected: Mapping[str, str], view: StudyView
) -> list[str]:
    """Lists differences; a number whose last printed digit hangs by rounding may be either."""
    found = {n: text for n, text in actual.items() if text is not None}
    wrong = [d for n, text in found.items() for d in find_differences(n, text, [expected[n]])]
    if all(difference.may_be_rounding for difference in wrong) and wrong:
        nudged = [
            _render(replace(view, result=nudge_numbers(view.result, 1 + step)))
            for step in (NUDGE, -NUDGE)
        ]
        wrong = [
            difference
            for n, text in found.items()
            for difference in find_differences(
                n, text, [expected[n], *(one[n] for one in nudged if n in one)]
            )
        ]
    return [difference.text for difference in wrong]


def _render(view: StudyView) -> dict[str, str]:
    # Importing the drawing library is slow, and most commands draw nothing.
    from aegis.report.writer import render_documents

    return render_documents(view)


def _read_report(root: Path) -> Mapping[str, object]:
    """Returns ``report.json``; empty if there is none to read, which another check says."""
    try:
        found = json.loads((root / REPORT_FILE).read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, Mapping) else {}


def _drop_provenance(notes: Iterable[object]) -> tuple[str, ...]:
    """Returns the notes that rest on plan and tables."""
    return tuple(note for note in map(str, notes) if not _PROVENANCE.fullmatch(note))


def _list_report_faults(reported: Mapping[str, object], result: StudyResult) -> list[str]:
    """Lists the parts of ``report.json`` that say how it was made and do not."""
    if not reported:
        return []
    notes = reported.get("notes")
    good = {
        "notes": isinstance(notes, list) and _drop_provenance(notes) == result.notes,
        "lock": reported.get("lock") == dict(result.lock),
    }
    return [f"{REPORT_FILE}: '{n}' is not what plan and tables give" for n in good if not good[n]]


def _list_strangers(root: Path, expected: Mapping[str, str]) -> Sequence[str]:
    """Lists figures in the folder that no document of this study has."""
    there = (path.relative_to(root).as_posix() for path in sorted(root.glob("figures/*.svg")))
    return [name for name in there if name not in expected]


def _read_text(path: Path) -> str | None:
    """Returns a document without the note on the code that wrote it; None if it is missing.

    Bytes that are no text become escapes, which no document has.
    """
    try:
        text = path.read_bytes().decode("utf-8", "backslashreplace")
    except OSError:
        return None
    return _PROVENANCE_ITEM.sub("", text, count=1)
