"""A plan that was locked anew after the fact is not the one that was published."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from aegis.app.study.checks.publication import (
    Publication,
    check_publication,
    format_lock_line,
)
from aegis.core.errors import ConfigError
from aegis.study.plan.lockfile import read_lock, write_lock
from aegis.study.verification import CheckResult
from tests.app.forging import lock_again
from tests.app.studied import failed
from tests.app.typed import type_in
from tests.study.publication.history import commit_all, start_history

BEFORE = "2026-01-02T03:04:05+00:00"


def weaken(tree: dict[str, Any]) -> None:
    """Changes a kill criterion after the fact."""
    tree["plan"]["kill"]["duty"] = 0.95


def check(root: Path, *words: str) -> dict[str, CheckResult]:
    given = Publication.read_words(words)
    return {one.name: one for one in check_publication(root, read_lock(root), given)}


def test_a_plan_locked_anew_is_found_where_it_was_published(place: Path) -> None:
    """All digests are as they would be; nothing but a record elsewhere can know."""
    root = place / "runs/study"
    answer = type_in(place, "study", "lock", "study")
    line = answer["line"]
    assert line in answer["said"]
    assert line == f"aegis-lock/1 study sha256:{answer['lock']}"
    (place / "published.txt").write_text(f"We shall run:\n\n    {line}\n")
    tables = place / "tables"
    tables.mkdir()
    kept = [path for path in root.iterdir() if path.suffix == ".parquet"]
    for path in kept:
        path.rename(tables / path.name)
    start_history(place)
    (place / ".git/info/exclude").write_text("tables\n")
    commit = commit_all(place, BEFORE)
    for path in kept:
        (tables / path.name).rename(path)
    words = ("sample=0", "published=published.txt", f"commit={commit[:12]}")
    answer = type_in(place, "study", "verify", "study", *words)
    said = {one["name"]: one["detail"] for one in answer["checks"]}
    assert said["commit"].startswith(f"commit {commit[:12]} of {BEFORE} has this plan.yaml")
    assert said["commit"].endswith("does not have the tables yet")
    lock_again(root, weaken)
    type_in(place, "study", "report", "study")
    assert type_in(place, "study", "verify", "study", "sample=0")["verified"]
    wrong = failed(type_in(place, "study", "verify", "study", *words, code=4))
    assert set(wrong) == {"published", "commit"}
    assert line in wrong["published"]
    assert "has another plan.yaml" in wrong["commit"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_lock(tmp_path / "runs/big", {"name": "big", "plan": {"kill": {}}}, {"level": "x/1"})
    return tmp_path / "runs/big"


def test_the_published_line_may_be_typed_or_stand_in_a_file(root: Path, tmp_path: Path) -> None:
    line = format_lock_line(read_lock(root))
    assert line.endswith(" level:x/1")
    assert check(root, f"published={line}")["published"].passed
    file = tmp_path / "lines.txt"
    file.write_text(f"aegis-lock/1 other sha256:{'0' * 64}\n{line}\n")
    assert check(root, f"published={file}")["published"].passed
    other = line.replace("level:x/1", "level:x/2")
    assert line in check(root, f"published={other}")["published"].detail
    file.write_text(f"aegis-lock/1 other sha256:{'0' * 64}\n")
    assert "other studies only" in check(root, f"published={file}")["published"].detail


def test_a_commit_that_has_the_tables_or_no_plan_or_is_not_there(root: Path) -> None:
    (root / "notes.txt").write_text("nothing yet")
    plan = (root / "plan.yaml").read_bytes()
    start_history(root.parents[1])
    (root / "plan.yaml").unlink()
    first = commit_all(root, BEFORE)
    (root / "plan.yaml").write_bytes(plan)
    (root / "episodes.parquet").write_bytes(b"rows")
    commit_all(root, BEFORE)
    found = check(root, "commit=HEAD")["commit"]
    assert found.passed
    assert "does not show which was first" in found.detail
    assert "has no plan.yaml" in check(root, f"commit={first}")["commit"].detail
    found = check(root, "commit=v9")["commit"]
    assert not found.passed
    assert "no commit 'v9'" in found.detail


def test_a_machine_without_git_says_so(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(root))
    found = check(root, "commit=HEAD")["commit"]
    assert not found.passed
    assert "no program 'git'" in found.detail


def test_a_time_stamp_says_when_the_plan_was_there(root: Path, tmp_path: Path) -> None:
    pytest.importorskip("rfc3161_client")
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl to make tokens with")
    from tests.study.publication.authority import NOW, Authority

    authority = Authority.found(tmp_path / "authority")
    token = authority.stamp(root / "plan.yaml", "sha512")
    words = (f"timestamp={token}", f"authority={authority.certificates}")
    found = check(root, *words)["timestamp"]
    assert found.passed, found.detail
    assert f"this plan.yaml was there at {NOW.year}-" in found.detail
    assert "CN=Authority root" in found.detail
    (root / "plan.yaml").unlink()
    write_lock(root, {"name": "big", "plan": {"kill": {"duty": 1}}}, {"level": "x/1"})
    found = check(root, *words)["timestamp"]
    assert not found.passed
    assert "Mismatch" in found.detail


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("published=",), "'published' is empty. It takes the line"),
        (("published=nowhere.txt",), "nowhere.txt cannot be read"),
        (("published=aegis-lock/1 big",), "no line such as 'aegis-lock/1 NAME sha256:...'"),
        (("commit=",), "'commit' is empty"),
        (("timestamp=plan.tsr",), "'timestamp' and 'authority' belong together"),
        (("authority=ca.pem",), "'timestamp' and 'authority' belong together"),
        (("timestamp=nowhere.tsr", "authority=ca.pem"), "nowhere.tsr cannot be read"),
    ],
)
def test_bad_input_is_refused_before_anything_is_checked(words: tuple[str, ...], says: str) -> None:
    if any(word.startswith("timestamp=nowhere") for word in words):
        pytest.importorskip("rfc3161_client")
    with pytest.raises(ConfigError, match=re.escape(says)):
        Publication.read_words(words)
