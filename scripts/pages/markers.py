"""Generated tables between markers: `<!-- table: NAME ARGUMENT -->` to `<!-- end of table -->`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.pages import delay_tables as delay
from scripts.pages import study_tables as study
from scripts.pages import summary_tables as summary
from scripts.pages.study_rows import REPOSITORY

WRITERS: Mapping[str, Callable[..., str]] = {
    "claim": study.write_claim,
    "arms": study.write_arms,
    "contrasts": study.write_contrasts,
    "recovered": study.write_recovered,
    "foresight": study.write_foresight,
    "budget": study.write_budget,
    "gap": study.write_gap,
    "schedules": study.write_schedules,
    "delay": delay.write_delay,
    "headline": summary.write_headline,
    "summary": summary.write_summary,
}
_MARKED = re.compile(
    r"(<!-- table: (?P<name>\w+)(?P<words>[^>]*?) -->\n)(?P<text>.*?\n)??"
    r"(?P<end><!-- end of table -->)",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class MarkedTable:
    """A generated table of a page.

    Attributes:
        name: Of its writer.
        words: Arguments of the writer: names of studies; none for a table of all studies.
        text: What stands between the markers.
    """

    name: str
    words: tuple[str, ...]
    text: str

    def write(self) -> str:
        """Returns what must stand between the markers."""
        return f"\n{WRITERS[self.name](*self.words)}\n\n"


def find_pages(repository: Path = REPOSITORY) -> Iterator[Path]:
    """Yields the pages that may hold tables."""
    yield from repository.glob("README.md")
    yield from sorted((repository / "docs").rglob("*.md"))


def find_tables(text: str) -> Iterator[MarkedTable]:
    """Yields the generated tables of a page."""
    for found in _MARKED.finditer(text):
        yield MarkedTable(found["name"], tuple(found["words"].split()), found["text"] or "")


def fill_tables(text: str) -> str:
    """Returns a page with every table written anew."""

    def write(found: re.Match[str]) -> str:
        table = MarkedTable(found["name"], tuple(found["words"].split()), "")
        return f"{found[1]}{table.write()}{found['end']}"

    return _MARKED.sub(write, text)
