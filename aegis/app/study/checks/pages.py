"""Page check: tables of a repository's pages that are generated from a study are up to date."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import aegis
from aegis.study.verification import CheckResult

NAME = "pages"
_WRITER = "scripts.pages.check"
_SOURCES = Path(aegis.__file__).resolve().parents[1]
"""The checkout that this code lies in, if it is one; only its own scripts are run."""


def check_pages(root: Path) -> CheckResult:
    """Checks the generated tables in the pages of the repository that holds the run folder.

    A run folder elsewhere, or an installed package, has no such pages; nothing is checked then,
    which the result says.

    Args:
        root: Run folder, ``runs/<name>`` of a repository.
    """
    root = root.resolve()
    repository = root.parents[1] if root.parent.name == "runs" else None
    if repository is None or not (repository / "docs").is_dir():
        return _skip("the run folder is in no repository with pages")
    if not (_SOURCES / f"{_WRITER.replace('.', '/')}.py").is_file():
        return _skip("this installation cannot write pages; a checkout of the repository can")
    done = subprocess.run(
        [sys.executable, "-m", _WRITER, root.name, str(repository)],
        cwd=_SOURCES,
        env={**os.environ, "PYTHONPATH": _join_path(os.environ.get("PYTHONPATH", ""))},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        return CheckResult(NAME, False, 1, f"tables could not be written again: {last}")
    found = json.loads(done.stdout)
    if not found["count"]:
        return _skip("no page has a table of this study")
    summary = f"{found['count']} generated tables, byte for byte; prose around them is not compared"
    return CheckResult.from_faults(NAME, found["count"], found["faults"], summary)


def _skip(reason: str) -> CheckResult:
    return CheckResult(NAME, True, 0, f"nothing is checked: {reason}")


def _join_path(path: str) -> str:
    return os.pathsep.join([str(_SOURCES), *filter(None, [path])])
