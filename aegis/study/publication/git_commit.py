"""Git commit: a file as a commit has it, and when that commit was made."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from aegis.core.errors import MachineError, TraceError


@dataclass(frozen=True, slots=True)
class CommittedFolder:
    """A folder as a commit has it.

    Attributes:
        folder: The folder, in a work tree.
        commit: Full name of the commit.
        date: When it was committed, by the clock of whoever committed it; ISO 8601.
    """

    folder: Path
    commit: str
    date: str

    @classmethod
    def find_commit(cls, folder: Path, revision: str) -> CommittedFolder:
        """Finds a commit in the repository that holds a folder.

        Args:
            folder: The folder.
            revision: Name of the commit, for example a hash or a tag.

        Raises:
            MachineError: If there is no ``git`` on this machine.
            TraceError: If the folder is in no repository, or there is no such commit.
        """
        words = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        try:
            _run_git(folder, "rev-parse", "--git-dir")
        except TraceError as error:
            raise TraceError(
                f"{folder} is in no git repository, so no commit can have its plan: {error}"
            ) from error
        try:
            commit = _run_git(folder, *words).decode().strip()
        except TraceError as error:
            raise TraceError(
                f"There is no commit '{revision}' in the repository of {folder}. A shallow clone "
                "lacks older ones: git fetch --unshallow."
            ) from error
        date = _run_git(folder, "log", "-1", "--no-show-signature", "--format=%cI", commit)
        return cls(folder, commit, date.decode().strip())

    def read_file(self, name: str) -> bytes | None:
        """Returns a file of the folder; None if the commit does not have it."""
        try:
            return _run_git(self.folder, "cat-file", "blob", f"{self.commit}:./{name}")
        except TraceError:
            return None


def _run_git(folder: Path, *words: str) -> bytes:
    """Runs git in a folder and returns what it prints.

    Raises:
        MachineError: If there is no git.
        TraceError: If it fails; with its reason.
    """
    try:
        done = subprocess.run(
            ["git", "--no-pager", *words], cwd=folder, capture_output=True, check=False
        )
    except FileNotFoundError as error:
        raise MachineError(
            "'commit=' reads a git history, and there is no program 'git' on this machine. "
            "Install it, for example: apt install git."
        ) from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        raise TraceError(said or f"git {words[0]} failed")
    return done.stdout
