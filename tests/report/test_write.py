"""A report says what the result says, the same way every time, whatever is missing."""

from __future__ import annotations

import json
import math
import re
from dataclasses import fields, is_dataclass, replace
from html import unescape
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from aegis.core.errors import MachineError
from aegis.records.rows import EpisodeRow
from aegis.report.tables import Tables
from aegis.report.write import write_report
from aegis.stats.intervals import Interval
from aegis.study.analysis.formatting import (
    format_decimal,
    format_interval,
    format_p_value,
    format_percent,
    format_points,
)
from aegis.study.analysis.kill_criteria import KillResult
from aegis.study.analysis.study_result import StudyResult
from tests.report import made
from tests.report.test_document import parsed

FIGURES = {
    "arms", "auroc", "contrasts", "flow", "forks", "frontier", "reliability", "tasks", "timing",
    "traces",
}  # fmt: skip

PLANNED = {"alpha", "margin", "early", "window"}
"""What is always known, since the plan says it."""


def written(folder: Path, result: StudyResult, tables: Tables, **more: Any) -> dict[str, str]:
    paths = write_report(result, tables, folder, **more)
    return {path.relative_to(folder).as_posix(): path.read_text("utf-8") for path in paths}


def sound(files: dict[str, str]) -> None:
    """Checks that all files are whole, and that the page needs nothing from elsewhere."""
    text = files["report.html"]
    seen = parsed(text).seen
    assert not {"script", "link", "iframe", "@src", "img"} & set(seen)
    bare = text.replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?:|url\(|@import", bare)
    assert all(h.startswith(("#", "data:image/png")) for h in re.findall(r'href="([^"]*)"', text))
    for name, figure in files.items():
        if name.endswith(".svg"):
            ElementTree.fromstring(figure)
            assert figure in text
            assert f"({name})" in files["report.md"]
    assert not re.search(r"\bnan\b|\bNone\b(?! of)|\binf\b", unescape(re.sub("<[^>]*>", " ", bare)))


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


def test_same_bytes_every_time(tmp_path: Path, result: StudyResult, tables: Tables) -> None:
    one = written(tmp_path / "a", result, tables, pictures=made.pictures())
    other = written(tmp_path / "b", result, tables, pictures=made.pictures())
    assert one == other
    assert {Path(name).stem for name in one if name.endswith(".svg")} == FIGURES
    sound(one)


def test_every_number_is_the_one_in_json(
    tmp_path: Path, result: StudyResult, tables: Tables
) -> None:
    text = written(tmp_path, result, tables)["report.md"]
    found = json.loads(result.to_json_text())
    main: dict[str, str] = {}
    for line in text.splitlines():
        cells = line.split("`")
        if line.startswith(("| `", "| **`")) and cells[1] not in main:
            main[cells[1]] = line
    for name, arm in found["arms"].items():
        shown = ["success", "duty"] + ([] if name == "weak" else ["recovered", "disrupted"])
        for key in shown:
            assert format_percent(arm[key]) in main[name]
            assert format_interval(Interval(*arm[f"{key}_ci"])) in main[name]
        assert format_decimal(arm["asks"].get("strong", 0.0), 1) in main[name]
    for c in found["contrasts"]:
        start = f"`{c['arm']}` against `{c['against']}`"
        row = next(line for line in text.splitlines() if line.strip("|* ").startswith(start))
        for key in ("difference", "recovered_difference"):
            assert format_points(c[key]) in row
            assert format_interval(Interval(*c[f"{key}_ci"]), sign=True) in row
        assert f"{c['recovered']} : {c['disrupted']}" in row
        assert format_p_value(c["p"]) in row
        assert (c["p_holm"] is None) != (
            f"| {format_p_value(c['p_holm'] or 0)}" in row.replace("*", "")
        )
    for score in found["detector"]["scores"]:
        for window in score["windows"]:
            assert format_decimal(window["within_task"], 3) in text
            assert format_interval(Interval(*window["pooled_ci"]), 1.0, 3) in text
    for digest in found["lock"].values():
        assert digest in text


def test_both_forms_say_the_same(tmp_path: Path, result: StudyResult, tables: Tables) -> None:
    files = written(tmp_path, result, tables)
    page = " ".join("".join(parsed(files["report.html"]).words).split())
    for line in files["report.md"].splitlines():
        for number in re.findall(r"[+−]?\d+\.\d+ (?:%|pp)|\[[−+]?\d[^\]]*\]|\d\.\de-\d+", line):
            assert number in page


def test_contrasts_outside_the_family_are_said_not_to_be_corrected(
    tmp_path: Path, result: StudyResult, tables: Tables
) -> None:
    text = written(tmp_path, result, tables)["report.md"]
    heads = [line for line in text.splitlines() if "only one solved it" in line]
    assert len(heads) == 3, "primary, secondary, exploratory"
    assert "p, Holm" in heads[0]
    for head in heads[1:]:
        assert "p, not corrected" in head
        assert "Holm" not in head


def test_a_struck_criterion_comes_first(
    tmp_path: Path, result: StudyResult, tables: Tables
) -> None:
    struck = KillResult("duty", "duty at most 38 %", "41.2 %", "mark", True)
    files = written(tmp_path, replace(result, kill_criteria=(struck,)), tables)
    for text in (files["report.md"], files["report.html"].replace("&nbsp;", " ")):
        place = text.index("struck and marked this result")
        assert place < text.index("What was decided before")
        assert "41.2 %" in text[place : place + 200]
    assert "None of" not in files["report.md"]


@pytest.mark.parametrize("change", [{"exploratory": True}, {"lock": {}}])
def test_exploratory_is_said(
    tmp_path: Path, result: StudyResult, tables: Tables, change: dict[str, Any]
) -> None:
    text = written(tmp_path, replace(result, **change), tables)["report.md"]
    assert "Exploratory: no plan was locked" in text
    assert "Pre-registered" not in text
    assert "decided before" not in text


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
    assert names == FIGURES - {"forks"}


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
    files = written(tmp_path, swapped, replace(tables, episodes=tuple(turned)))
    sound(files)
    assert "<script>" not in files["report.html"]
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


def test_pictures_are_in_the_page(tmp_path: Path, result: StudyResult, tables: Tables) -> None:
    plain = written(tmp_path / "a", result, tables)
    seen = written(tmp_path / "b", result, tables, pictures=made.pictures())
    broken = {"recovered": {0: b"no picture", 5: b""}}
    assert "data:image/png;base64," not in plain["report.html"]
    assert seen["report.html"].count("data:image/png;base64,") >= 5
    assert written(tmp_path / "c", result, tables, pictures=broken) == plain


def test_a_folder_that_cannot_be(tmp_path: Path, result: StudyResult, tables: Tables) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MachineError, match="file"):
        write_report(result, tables, tmp_path / "file")
