"""A report says what the result says, the same way every time, whatever is missing."""

from __future__ import annotations

import math
import re
from dataclasses import fields, is_dataclass, replace
from html import unescape
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from aegis.app.study.reporting import StoredStudy
from aegis.core.errors import MachineError
from aegis.records.rows import EpisodeRow
from aegis.report.tables import Tables
from aegis.report.writer import write_report
from aegis.stats.intervals import Interval
from aegis.study.analysis.kill_criteria import KillResult
from aegis.study.analysis.study_result import StudyResult
from aegis.study.plan.study_plan import StudyPlan
from aegis.study.play.small_tables import StudyTables
from tests.report import made
from tests.report.parsing import parse_html
from tests.report.test_figures import NAMES

PLANNED = {"alpha", "margin", "early", "window"}
"""What is always known, since the plan says it."""
PLAN = made.plan()
ROOT = Path(__file__).resolve().parents[2]


def written(
    folder: Path, result: StudyResult, tables: Tables, plan: StudyPlan = PLAN, **more: Any
) -> dict[str, str]:
    paths = write_report(result, plan, tables, folder, **more)
    return {path.relative_to(folder).as_posix(): path.read_text("utf-8") for path in paths}


@pytest.fixture(scope="module")
def files(
    tmp_path_factory: pytest.TempPathFactory, result: StudyResult, tables: Tables
) -> dict[str, str]:
    """The report of the made-up study; drawing takes long."""
    return written(tmp_path_factory.mktemp("report"), result, tables, pictures=made.pictures())


def sound(files: dict[str, str]) -> None:
    """Checks that all files are whole, and that the page needs nothing from elsewhere."""
    text = files["report.html"]
    seen = parse_html(text).seen
    assert not {"script", "link", "iframe", "@src", "img"} & set(seen)
    bare = text.replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?:|url\((?!#)|@import", bare)
    assert all(h.startswith(("#", "data:image/png")) for h in re.findall(r'href="([^"]*)"', text))
    ids = re.findall(r'\bid="([^"]*)"', text)
    assert len(set(ids)) == len(ids)
    for name, figure in files.items():
        if name.endswith(".svg"):
            ElementTree.fromstring(figure)
            assert f"({name})" in files["report.md"]
            assert f'<figure id="{Path(name).stem}">' in text
    assert not re.search(r"\bnan\b|\bNone\b(?! of)|\binf\b", unescape(re.sub("<[^>]*>", " ", bare)))


def plain(html: str) -> str:
    """Returns the words of a page, single spaces between them."""
    return " ".join("".join(parse_html(html).words).split())


def replaced(value: Any, kind: type, by: Any) -> Any:
    """Returns a value in which every part of a kind is another."""
    if isinstance(value, kind):
        return by
    if is_dataclass(value) and not isinstance(value, type):
        parts = {f.name: getattr(value, f.name) for f in fields(value)}
        new = {
            name: part if name in PLANNED else replaced(part, kind, by)
            for name, part in parts.items()
        }
        return type(value)(**new)
    if isinstance(value, tuple):
        return tuple(replaced(part, kind, by) for part in value)
    if isinstance(value, dict):
        return {key: replaced(part, kind, by) for key, part in value.items()}
    return value


def test_same_bytes_every_time(
    tmp_path: Path, result: StudyResult, tables: Tables, files: dict[str, str]
) -> None:
    assert written(tmp_path, result, tables, pictures=made.pictures()) == files
    assert {Path(name).stem for name in files if name.endswith(".svg")} == NAMES
    sound(files)


def test_both_forms_say_the_same(files: dict[str, str]) -> None:
    page = re.sub(r"(?<=\S)\[", " [", plain(files["report.html"]))
    for line in files["report.md"].splitlines():
        for number in re.findall(r"[+−]?\d+\.\d+ (?:%|pp)|\[[−+]?\d[^\]]*\]|\d\.\de-\d+", line):
            assert " ".join(number.split()) in page


def test_one_rival_everywhere(result: StudyResult, files: dict[str, str]) -> None:
    rivals = [c for c in result.contrasts if c.is_primary and c.alternative == "greater"]
    rival = min(rivals, key=lambda c: c.difference.value)
    text = files["report.md"]
    named = re.findall(r"`(\w+)`(?:, the closest rival| {0}; over it)|closest rival, `(\w+)`", text)
    assert {one or other for one, other in named} == {rival.against}
    assert len(named) >= 3, "words, tile and figure"
    bold = [line for line in text.splitlines() if line.startswith("| **`advantage` − ")]
    assert rival.against in bold[0]


def test_what_is_exploratory_is_folded(files: dict[str, str]) -> None:
    page = files["report.html"]
    start = page.index("<summary>Exploratory contrasts</summary>")
    assert "<details>" in page[start - 20 : start]
    table = page.index("not planned, no part of the claim")
    assert start < table < page.index("</details>", start)


def test_columns_are_labelled_where_tables_become_cards(files: dict[str, str]) -> None:
    page = files["report.html"]
    cells, labels = (
        re.findall(r"<td\b[^>]*>", page),
        re.findall(r'<td[^>]* data-label="[^"]+"', page),
    )
    assert len(cells) == len(labels) > 300
    for table in re.findall(r"<table>.*?</table>", page, re.DOTALL):
        width = table.split("<tbody>")[0].rpartition("<tr>")[2].count("<th ")
        rows = re.findall(r"<tr[^>]*>(.*?)</tr>", table.split("<tbody>")[1], re.DOTALL)
        assert {row.count("<td") for row in rows} == {width}
    tables_shown = page.count('<div class="wide"')
    assert tables_shown == page.count("<table>"), "every table may scroll in its own box"


def test_a_struck_criterion_comes_first(
    tmp_path: Path, result: StudyResult, tables: Tables
) -> None:
    struck = KillResult("duty", "duty at most 38 %", "41.2 %", "mark", True)
    files = written(tmp_path, replace(result, kill_criteria=(struck,)), tables)
    for text in (files["report.md"], files["report.html"].replace("&nbsp;", " ")):
        place = text.index("struck and marked this result")
        assert place < text.index("What the arms did")
        assert "41.2 %" in text[place : place + 200]
    assert "No kill criterion struck" not in files["report.md"]


def test_little_is_there(tmp_path: Path, result: StudyResult) -> None:
    bare = replace(
        result, contrasts=(), detector=None, timing=(), forks=(), gaps=(), frontier=(),
        kill_criteria=(), lock={}, notes=(), arms=result.arms[:1], recommended="weak",
    )  # fmt: skip
    files = written(tmp_path, bare, Tables())
    sound(files)
    assert {Path(name).stem for name in files if name.endswith(".svg")} == {"frontier"}
    assert "names no primary contrast" in files["report.md"]
    sound(written(tmp_path / "none", replace(bare, arms=()), Tables()))


def test_figures_of_an_earlier_report_go(
    tmp_path: Path, result: StudyResult, tables: Tables
) -> None:
    written(tmp_path, result, tables)
    written(tmp_path, replace(result, forks=()), tables)
    names = {path.stem for path in (tmp_path / "figures").iterdir()}
    assert names == NAMES - {"forks"}


@pytest.mark.parametrize("nan", [Interval(math.nan, math.nan), Interval(0.1, math.nan)])
def test_intervals_that_are_not_known(
    tmp_path: Path, result: StudyResult, tables: Tables, nan: Interval
) -> None:
    sound(written(tmp_path, replaced(result, Interval, nan), tables))


def test_numbers_that_are_not_known(tmp_path: Path, result: StudyResult, tables: Tables) -> None:
    blank = replaced(result, float, math.nan)
    sound(written(tmp_path, blank, tables))


def test_names_that_do_harm(tmp_path: Path, rows: tuple[EpisodeRow, ...]) -> None:
    names = {"advantage": "<script>alert(1)</script>|`x`", "random": "r" * 90, "weak": "we&ak"}
    turned = [replace(row, arm=names.get(row.arm, row.arm)) for row in rows]
    result = made.result(rows)
    swapped = _renamed(result, names)
    tables = made.tables(rows)
    plan = replace(PLAN, recommended=names["advantage"], reference=names["weak"])
    files = written(tmp_path, swapped, replace(tables, episodes=tuple(turned)), plan)
    sound(files)
    assert "<script>" not in files["report.html"]
    assert "&lt;script&gt;" in files["report.html"]
    assert "r" * 90 in files["report.md"]
    table = [line for line in files["report.md"].splitlines() if line.startswith("| ")]
    assert all(line.endswith(" |") for line in table)


def _renamed(result: StudyResult, names: dict[str, str]) -> StudyResult:
    def of(name: str) -> str:
        return names.get(name, name)

    return replace(
        result,
        reference=of(result.reference),
        recommended=of(result.recommended),
        arms=tuple(replace(arm, name=of(arm.name)) for arm in result.arms),
        contrasts=tuple(replace(c, arm=of(c.arm), against=of(c.against)) for c in result.contrasts),
        timing=tuple(replace(t, arm=of(t.arm)) for t in result.timing),
        frontier=tuple(replace(p, gate=of(p.gate)) for p in result.frontier),
    )


def test_one_task(tmp_path: Path) -> None:
    rows = made.episodes(per_task=30, tasks=1)
    files = written(tmp_path, made.result(rows), made.tables(rows))
    sound(files)
    assert "this task" in files["report.md"]


def test_pictures_are_in_the_page(
    tmp_path: Path, result: StudyResult, tables: Tables, files: dict[str, str]
) -> None:
    plain = written(tmp_path / "a", result, tables)
    broken = {"recovered": {0: b"no picture", 5: b""}}
    assert "data:image/png;base64," not in plain["report.html"]
    assert files["report.html"].count("data:image/png;base64,") >= 5
    assert written(tmp_path / "c", result, tables, pictures=broken) == plain


def test_a_folder_that_cannot_be(tmp_path: Path, result: StudyResult, tables: Tables) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MachineError, match="file"):
        write_report(result, PLAN, tables, tmp_path / "file")


@pytest.mark.parametrize(
    "study", [pytest.param("reference", marks=pytest.mark.slow), "reference-tenth"]
)
def test_committed_studies_render(
    study: str, tmp_path: Path, result: StudyResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their numbers are the fence's; here they need no bootstrap, so draws are few."""
    monkeypatch.chdir(ROOT)
    root = ROOT / "runs" / study
    found = StoredStudy.read_folder(root)
    tables = StudyTables.read_folder(root)
    quick = replace(found, context=replace(found.context, draws=20))
    files = written(tmp_path, quick.compute_result(tables), found.select_tables(tables), found.plan)
    sound(files)
    assert {Path(name).stem for name in files if name.endswith(".svg")} == NAMES
    text = files["report.md"]
    for one in (*found.plan.contrasts, *found.plan.secondary):
        assert f"`{one.arm}` − `{one.against}`" in text
    assert ("Over budget" in text) == (study == "reference")
    assert "never handed over: it weighs more" in text
