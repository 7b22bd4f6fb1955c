"""Hooks of mkdocs: the committed runs and pages outside docs/ belong to the site, too."""

from __future__ import annotations

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

_INCLUDED = re.compile(r'^--8<-- "(.+)"$', re.MULTILINE)
_KEPT = ("report.html", "report.json", "plan.yaml", "figures/*.svg")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds reports, plans and figures of the committed studies."""
    root = Path(config.config_file_path).parent
    for pattern in _KEPT:
        for path in sorted((root / "runs").glob(f"reference*/{pattern}")):
            uri = path.relative_to(root).as_posix()
            files.append(File.generated(config, uri, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Includes files of the repository, and leads links to their place in the site."""
    root = Path(config.config_file_path).parent
    markdown = _INCLUDED.sub(lambda one: (root / one[1]).read_text(encoding="utf-8"), markdown)
    depth = page.file.src_uri.count("/")
    markdown = markdown.replace(f"]({'../' * (depth + 1)}runs/", f"]({'../' * depth}runs/")
    markdown = markdown.replace("/report.md)", "/report.html)")  # GitHub shows the former only.
    return markdown.replace("](docs/", "](")  # From pages of the repository's own folder.
