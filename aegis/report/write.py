"""Write: puts a report into a folder: Markdown, one HTML page, and the figures as SVG."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from aegis.records.files import disk_error, write_atomic
from aegis.report.markdown import FOLDER, markdown
from aegis.report.page import page
from aegis.report.story import story
from aegis.report.tables import Tables
from aegis.study.analysis.study_result import StudyResult

NO_PICTURES: Mapping[str, Mapping[int, bytes]] = {}


def write_report(
    result: StudyResult,
    tables: Tables,
    out: Path,
    pictures: Mapping[str, Mapping[int, bytes]] = NO_PICTURES,
) -> tuple[Path, ...]:
    """Writes ``report.md``, ``report.html`` and ``figures/*.svg``; equal results give equal bytes.

    Figures of an earlier report that this one does not have are removed.

    Args:
        result: All numbers.
        tables: Rows for the figures that show more than the result holds; may be empty.
        out: The folder; made if it is not there.
        pictures: PNG pictures by kind of example (``recovered``, ``missed``, ``disrupted``) and
            tick; of the episodes that ``aegis.report.examples.examples`` chooses.

    Returns:
        The files: Markdown, page, figures in the order of the report.

    Raises:
        MachineError: If the disk is full or cannot be written.
    """
    document = story(result, tables, pictures)
    files = {out / "report.md": markdown(document), out / "report.html": page(document)}
    files |= {out / FOLDER / f"{f.name}.svg": f.canvas.svg() for f in document.figures}
    try:
        (out / FOLDER).mkdir(parents=True, exist_ok=True)
        for old in sorted((out / FOLDER).glob("*.svg")):
            if old not in files:
                old.unlink()
    except OSError as error:
        raise disk_error(out, error) from error
    for path, text in files.items():
        write_atomic(path, text.encode("utf-8"))
    return tuple(files)
