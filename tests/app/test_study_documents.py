"""`aegis study verify` finds what was edited in documents, and only that."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from aegis.app.study import verifying
from aegis.app.study.checks.documents import check_documents
from aegis.app.study.checks.pages import check_pages
from aegis.app.study.reporting import StoredStudy
from aegis.core.errors import ConfigError
from aegis.study.analysis.study_result import StudyResult
from aegis.study.play.small_tables import StudyTables
from aegis.study.verification import CheckResult
from scripts.pages.check import compare_tables
from tests.app.studied import failed
from tests.app.typed import type_in

Known = tuple[StoredStudy, StudyTables, StudyResult]
_DECIMAL = re.compile(r"(?<=[ |>])(\d+)\.(\d)(?=[ <|])")


@pytest.fixture(scope="module")
def known(made: Path) -> Known:
    """What tables give; computed once."""
    root = made / "runs/study"
    stored, tables = StoredStudy.read_folder(root), StudyTables.read_folder(root)
    return stored, tables, stored.compute_result(tables)


@pytest.fixture
def root(made: Path, tmp_path: Path) -> Path:
    """Documents alone, to be spoilt."""
    for name in ("report.json", "report.md", "report.html"):
        shutil.copy(made / "runs/study" / name, tmp_path)
    for name in ("figures", "pictures"):
        shutil.copytree(made / "runs/study" / name, tmp_path / name)
    return tmp_path


def check(root: Path, known: Known) -> CheckResult:
    return check_documents(root, *known)


def edit(path: Path, change: Callable[[str], str]) -> None:
    text = path.read_text()
    assert change(text) != text
    path.write_text(change(text))


def raise_number(text: str) -> str:
    """Raises the last decimal of a number by one, as a forger would."""
    return _DECIMAL.sub(lambda m: f"{m[1]}.{(int(m[2]) + 1) % 10}", text, count=1)


def raise_p_value(text: str) -> str:
    return re.sub(r"(\d)\.(\d)e", lambda m: f"{m[1]}.{(int(m[2]) + 1) % 10}e", text, count=1)


def move_mark(text: str) -> str:
    return re.sub(
        r'<use ([^>]*)y="(\d+)', lambda m: f'<use {m[1]}y="{int(m[2]) + 1}', text, count=1
    )


def test_documents_are_those_of_the_tables(root: Path, known: Known) -> None:
    result = check(root, known)
    assert result.passed, result.detail
    assert result.detail.startswith(f"{result.count} equal byte for byte; they embed the ")


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("report.md", raise_number),
        ("report.html", raise_number),
        ("report.html", lambda text: text.replace("</h2>", " indeed</h2>", 1)),
        ("report.html", lambda text: text.replace("<body", '<body style="display:none"', 1)),
        ("report.html", move_mark),
        ("figures/arms.svg", move_mark),
        ("figures/frontier.svg", lambda text: text.replace("</text>", "1</text>", 1)),
    ],
    ids=["number, md", "number, html", "word", "hidden", "mark, html", "mark, svg", "label"],
)
def test_an_edit_is_found(
    root: Path, known: Known, name: str, change: Callable[[str], str]
) -> None:
    edit(root / name, change)
    result = check(root, known)
    assert not result.passed
    assert f"{name}, line" in result.detail


def test_missing_and_strange_documents_and_parts_of_the_report(root: Path, known: Known) -> None:
    (root / "report.html").unlink()
    shutil.copy(root / "figures/arms.svg", root / "figures/more.svg")
    report = json.loads((root / "report.json").read_text())
    report["notes"].append("It is certain.")
    (root / "report.json").write_text(json.dumps(report))
    detail = check(root, known).detail
    for said in ("report.html is missing", "figures/more.svg shows nothing", "'notes' is not"):
        assert said in detail
    report["notes"].pop()
    report["lock"]["file"] = "0" * 64
    (root / "report.json").write_text(json.dumps(report))
    assert "'lock' is not" in check(root, known).detail


def test_another_picture_than_that_of_the_folder(root: Path, known: Known) -> None:
    first, *_, last = sorted((root / "pictures").glob("*.png"))
    first.write_bytes(last.read_bytes())
    detail = check(root, known).detail
    assert "report.html, line" in detail
    assert "picture" in detail


def test_other_versions_of_libraries_are_no_edit(root: Path, known: Known) -> None:
    """Another encoder of pictures, another font list, marks a hundredth of a pixel away."""

    def encode(found: re.Match[str]) -> str:
        file = io.BytesIO()
        with Image.open(io.BytesIO(base64.b64decode(found[1]))) as picture:
            picture.save(file, "PNG", compress_level=1)
        return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"

    def draw(text: str) -> str:
        text = re.sub(r"data:image/png;base64,([^\"]*)", encode, text)
        return re.sub(r' y="(\d+)\.(\d\d)"', lambda m: f' y="{m[1]}.{m[2]}1"', text)

    edit(root / "figures/traces.svg", draw)
    edit(root / "figures/arms.svg", lambda text: text.replace("; font-family: 'DejaVu Sans'", ""))
    result = check(root, known)
    assert result.passed, result.detail
    assert "of 2 every word, marks within 0.02 px" in result.detail


def test_the_note_on_the_code_may_name_any_code_and_say_nothing_else(
    root: Path, known: Known
) -> None:
    note = (
        "Analysed by other code or versions than the plan was locked with: code.aegis.core, "
        "version.numpy. The tables are as sealed; aegis study verify checks whether they can be "
        "replayed."
    )
    first = "Contrasts outside the plan"
    assert known[2].notes[0].startswith(first)
    edit(root / "report.md", lambda text: text.replace(f"- {first}", f"- {note}\n- {first}"))
    edit(
        root / "report.html",
        lambda text: text.replace(f"<li>{first}", f"<li>{note}</li>\n<li>{first}"),
    )
    assert check(root, known).passed
    stored, tables, result = known
    assert check(root, (stored, tables, replace(result, notes=(note, *result.notes)))).passed
    edit(root / "report.md", lambda text: text.replace("version.numpy.", "and it is certain."))
    assert not check(root, known).passed


def test_a_last_digit_that_another_machine_rounds_otherwise(root: Path, known: Known) -> None:
    """The result of another machine, every number by 1e-12 away, has the same documents."""
    from aegis.report.comparison import nudge_numbers

    stored, tables, result = known
    elsewhere = nudge_numbers(result, 1 + 1e-12)
    assert check(root, (stored, tables, elsewhere)).passed


def test_edits_are_found_by_the_command_without_a_simulator(place: Path) -> None:
    edit(place / "runs/study/report.md", raise_number)
    wrong = failed(type_in(place, "study", "verify", "study", "sample=0", code=4))
    assert set(wrong) == {"documents"}


def test_without_a_simulator_the_files_are_checked_and_no_more_is_claimed(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise ConfigError("Python cannot find 'mujoco'.")

    monkeypatch.setattr(verifying, "open_study", refuse)
    assert (
        "Python cannot find"
        in type_in(made, "study", "verify", "study", "sample=1", code=2)["said"]
    )
    monkeypatch.setattr(verifying, "list_missing_modules", lambda *_: ("mujoco",))
    answer = type_in(made, "study", "verify", "study", "sample=0")
    assert answer["verified"]
    names = {one["name"] for one in answer["checks"]}
    assert {"plan", "seal", "numbers", "documents", "units"} <= names
    assert "policies and assets" not in names
    assert "not checked, since packages are missing (mujoco)" in answer["said"]


@pytest.mark.slow
def test_pages_of_a_repository(tmp_path: Path) -> None:
    """A copy of this repository's pages and tables, in which one table is edited."""
    here = Path(__file__).resolve().parents[2]
    study, page = tmp_path / "runs/reference-first", tmp_path / "docs/results/reference-first.md"
    study.mkdir(parents=True)
    page.parent.mkdir(parents=True)
    for name in ("report.json", "plan.yaml", "episodes.parquet", "forks.parquet"):
        (study / name).symlink_to(here / "runs/reference-first" / name)
    assert check_pages(study).detail == "nothing is checked: no page has a table of this study"
    shutil.copy(here / "docs/results/reference-first.md", page)
    result = check_pages(study)
    assert result.passed, result.detail
    assert result.count > 5
    edit(page, lambda text: text.replace("% |", "% | "))
    assert "docs/results/reference-first.md, table" in check_pages(study).detail
    (study / "report.json").unlink()
    assert "could not be written again" in check_pages(study).detail
    elsewhere = tmp_path / "copied"
    elsewhere.mkdir()
    assert "in no repository with pages" in check_pages(elsewhere).detail
    assert compare_tables("nothing", here)["count"] == 0
