"""A git history of the test's own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


def start_history(repository: Path) -> None:
    subprocess.run(["git", "init", "-q", str(repository)], check=True)


def commit_all(folder: Path, date: str) -> str:
    """Commits all files of the repository; returns the name of the commit."""
    people = {
        f"GIT_{who}_{what}": value
        for who in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", "A"), ("EMAIL", "a@example.org"), ("DATE", date))
    }
    for words in (("add", "-A", "."), ("commit", "-q", "-m", "plan", "--no-gpg-sign")):
        subprocess.run(["git", *words], cwd=folder, check=True, env={**os.environ, **people})
    done = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()
