"""Writes every generated part of the documentation: `python -m scripts.pages`."""

from __future__ import annotations

from scripts.pages.command_page import write_commands
from scripts.pages.configuration_page import write_configuration
from scripts.pages.markers import fill_tables, find_pages
from scripts.pages.study_rows import REPOSITORY

WHOLE = {
    "docs/reference/command-line.md": write_commands,
    "docs/reference/configuration.md": write_configuration,
}


def write_pages() -> None:
    """Writes tables between markers and whole pages; prints what changed."""
    pages = {REPOSITORY / name: write() for name, write in WHOLE.items()}
    pages |= {
        page: fill_tables(page.read_text(encoding="utf-8"))
        for page in find_pages()
        if page not in pages
    }
    for page, text in pages.items():
        if not page.exists() or page.read_text(encoding="utf-8") != text:
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_text(text, encoding="utf-8")
            print(page.relative_to(REPOSITORY))


if __name__ == "__main__":
    write_pages()
