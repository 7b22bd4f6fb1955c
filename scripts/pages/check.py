"""Compares a study's generated tables with what they must be: for `aegis study verify`.

`python -m scripts.pages.check STUDY REPOSITORY` prints one JSON object: how many tables there are,
and what is wrong. It reads pages and tables of that repository and runs the code of this one.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from scripts.pages import study_rows
from scripts.pages.markers import MarkedTable, find_pages, find_tables
from scripts.pages.summary_tables import STUDIES


def list_tables(study: str, repository: Path) -> Iterator[tuple[str, MarkedTable]]:
    """Yields the tables that a study is part of, each with the page that it stands in."""
    for page in find_pages(repository):
        for table in find_tables(page.read_text(encoding="utf-8")):
            if study in (table.words or STUDIES):
                yield page.relative_to(repository).as_posix(), table


def compare_tables(study: str, repository: Path) -> dict[str, object]:
    """Returns the number of tables and the lines that differ.

    Args:
        study: Name of the study, a folder of ``runs/``.
        repository: A checkout with ``runs/`` and pages.
    """
    study_rows.REPOSITORY = repository  # Where tables are read from.
    tables, faults = list(list_tables(study, repository)), []
    for page, table in tables:
        theirs, mine = table.text.split("\n"), table.write().split("\n")
        wrong = [
            f"'{there}' instead of '{here}'"
            for there, here in zip(theirs, mine, strict=False)
            if there != here
        ]
        if len(theirs) != len(mine):
            wrong.append(f"{len(theirs)} lines instead of {len(mine)}")
        faults += [f"{page}, table {table.name}: {said}" for said in wrong]
    return {"count": len(tables), "faults": faults}


if __name__ == "__main__":
    print(json.dumps(compare_tables(sys.argv[1], Path(sys.argv[2]).resolve())))
