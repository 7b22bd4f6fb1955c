"""A commit is read as it is, and whatever is missing is named."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from aegis.core.errors import MachineError, TraceError
from aegis.study.publication.git_commit import CommittedFolder
from tests.study.publication.history import commit_all, start_history


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "repository/runs/big"
    root.mkdir(parents=True)
    (root / "plan.yaml").write_bytes(b"alpha: 0.05\r\n\xff")
    start_history(tmp_path / "repository")
    return root


def test_a_file_comes_back_to_the_byte(folder: Path) -> None:
    first = commit_all(folder, "2026-01-02T03:04:05+01:00")
    (folder / "plan.yaml").write_text("alpha: 0.1\n")
    found = CommittedFolder.find_commit(folder, first[:10])
    assert (found.commit, found.date) == (first, "2026-01-02T03:04:05+01:00")
    assert found.read_file("plan.yaml") == b"alpha: 0.05\r\n\xff"
    assert found.read_file("episodes.parquet") is None
    assert commit_all(folder, "2026-01-03T00:00:00+00:00") != first


@pytest.mark.parametrize("name", ["nowhere", "--help", "HEAD:runs", "-x"])
def test_no_such_commit(folder: Path, name: str) -> None:
    commit_all(folder, "2026-01-02T03:04:05+00:00")
    with pytest.raises(TraceError, match="There is no commit"):
        CommittedFolder.find_commit(folder, name)


def test_a_folder_without_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(TraceError, match="in no git repository"):
        CommittedFolder.find_commit(tmp_path, "HEAD")


def test_a_machine_without_git(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(folder))
    with pytest.raises(MachineError, match="apt install git"):
        CommittedFolder.find_commit(folder, "HEAD")


def test_what_a_repository_configures_does_not_run(folder: Path) -> None:
    """A downloaded repository may name programs for git to run."""
    commit_all(folder, "2026-01-02T03:04:05+00:00")
    mark = folder / "ran"
    for name in ("core.pager", "diff.external", "core.fsmonitor", "gpg.program"):
        subprocess.run(["git", "config", name, f"touch {mark}; cat"], cwd=folder, check=True)
    subprocess.run(["git", "config", "log.showSignature", "true"], cwd=folder, check=True)
    CommittedFolder.find_commit(folder, "HEAD").read_file("plan.yaml")
    assert not mark.exists()
