"""Generated tables between markers: `<!-- table: NAME ARGUMENT -->` to `<!-- end of table -->`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

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
    "headline": summary.write_headline,
    "summary": summary.write_summary,
}
_MARKED = re.compile(
    r"(<!-- table: (?P<name>\w+)(?P<words>[^>]*?) -->\n)(?:.*?\n)??(<!-- end of table -->)",
    re.DOTALL,
)


def find_pages() -> Iterator[Path]:
    """Yields the pages that may hold tables."""
    yield REPOSITORY / "README.md"
    yield from sorted((REPOSITORY / "docs").rglob("*.md"))


def fill_tables(text: str) -> str:
    """Returns a page with every table written anew."""

    def write(found: re.Match[str]) -> str:
        table = WRITERS[found["name"]](*found["words"].split())
        return f"{found[1]}\n{table}\n\n{found[4]}"

    return _MARKED.sub(write, text)
