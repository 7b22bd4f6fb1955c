"""The pages: links lead somewhere, all are in the navigation, generated parts are up to date."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from scripts.pages.__main__ import WHOLE
from scripts.pages.configuration_page import write_configuration
from scripts.pages.markers import fill_tables, find_pages
from scripts.pages.study_rows import REPOSITORY

DOCS = REPOSITORY / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md"])
_LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)(#[^)\s]*)?\)")
_SNIPPET = re.compile(r'^--8<-- "(.+)"$', re.MULTILINE)
_CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def name_of(page: Path) -> str:
    return page.relative_to(REPOSITORY).as_posix()


def find_anchors(page: Path) -> set[str]:
    """Returns the anchors of a page's headings, as GitHub and mkdocs form them."""
    text = page.read_text(encoding="utf-8")
    for snippet in _SNIPPET.findall(text):
        text = (REPOSITORY / snippet).read_text(encoding="utf-8")
    heads = re.findall(r"^#+ (.+)$", _CODE.sub("", text), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", head.lower()).strip() for head in heads)
    return {re.sub(r"\s+", "-", head) for head in plain}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    for target, anchor in _LINK.findall(_CODE.sub("", page.read_text(encoding="utf-8"))):
        place = (page.parent / target).resolve() if target else page
        assert place.exists(), f"{target} in {page}"
        if anchor and place.suffix == ".md":
            assert anchor[1:] in find_anchors(place), f"{target}{anchor} in {page}"


def find_in_navigation(tree: object) -> Iterator[str]:
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, dict):
        yield from find_in_navigation(list(tree.values()))
    elif isinstance(tree, list):
        for one in tree:
            yield from find_in_navigation(one)


def test_every_page_is_in_the_navigation_once() -> None:
    settings = yaml.safe_load((REPOSITORY / "mkdocs.yml").read_text(encoding="utf-8"))
    listed = sorted(find_in_navigation(settings["nav"]))
    assert listed == sorted(page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md"))


def test_nothing_is_loaded_from_elsewhere() -> None:
    settings = yaml.safe_load((REPOSITORY / "mkdocs.yml").read_text(encoding="utf-8"))
    assert settings["theme"]["font"] is False
    addresses = [
        value for key in ("extra_css", "extra_javascript") for value in settings.get(key, [])
    ]
    assert not [one for one in addresses if "//" in str(one)]


@pytest.mark.parametrize("name", ["results/published-analysis", "reference/report-json"])
def test_code_of_a_page_runs_in_the_repository(name: str) -> None:
    text = (DOCS / f"{name}.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert blocks
    for block in blocks:
        done = subprocess.run(
            [sys.executable, "-c", block],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", find_pages(), ids=name_of)
def test_tables_are_those_of_the_reports(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert fill_tables(text) == text, "python -m scripts.pages"


@pytest.mark.parametrize("name", WHOLE)
def test_generated_pages_are_up_to_date(name: str) -> None:
    text = (REPOSITORY / name).read_text(encoding="utf-8")
    assert WHOLE[name]() == text, "python -m scripts.pages"


def test_every_option_is_in_the_configuration_reference() -> None:
    text = write_configuration()
    for path in (REPOSITORY / "configs").rglob("*.yaml"):
        option = path.relative_to(REPOSITORY / "configs").with_suffix("").as_posix()
        assert f"### `{option}`" in text


ELSEWHERE = {
    "0.60": "floor of the plan's criterion early_auroc",
    "0.80": "target from outside for the early AUROC",
    "0.76": "boosted trees, see test_evidence.py",
    "0.756": "boosted trees, see test_evidence.py",
    "0.14": "0.894 of the summary minus 0.76",
    "0.784": "the probe's fit, on test starts of one task",
    "0.934": "the probe's fit, on its own test episodes",
    "52.7": "the review's own study",
    "11.7": "the review's own study",
    "4.7": "the review's own study, without activations; in README the ratio of a step's costs",
    "10.0": "the review's own study, without activations",
    "0.754": "the review's own study, tasks left out",
    "3.11": "version of Python",
    "2606.06660": "number of a paper",
}
"""Numbers of prose that stand in no generated table, and where they come from."""

_TABLE = re.compile(r"<!-- table:.*?<!-- end of table -->", re.DOTALL)
_DECIMAL = re.compile(r"(?<![\w.])\d+\.\d+(?![\w.])")


def test_numbers_of_prose_stand_in_a_generated_table() -> None:
    results = [page.read_text(encoding="utf-8") for page in sorted(DOCS.glob("results/*.md"))]
    tables = set(_DECIMAL.findall(" ".join("".join(_TABLE.findall(text)) for text in results)))
    assert len(tables) > 500
    tenths = ("reference-tenth-portable", "reference-tenth", "reference-tenth-first")
    names = ("index", "reference-portable", "reference", *tenths)
    used = set()
    for page in (REPOSITORY / "README.md", *(DOCS / "results" / f"{name}.md" for name in names)):
        prose = _CODE.sub("", _TABLE.sub("", page.read_text(encoding="utf-8")))
        used |= set(_DECIMAL.findall(prose))
    assert used - tables <= set(ELSEWHERE), "where do they come from?"
    assert set(ELSEWHERE) <= used, "prose says that no more"
