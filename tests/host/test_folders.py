"""Folders: where caches go when the usual place is not there, not ours or read-only."""

from __future__ import annotations

import logging
import os
import pwd
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from aegis.core.errors import MachineError
from aegis.host import folders, notes
from aegis.host.folders import expand_home, find_cache_folder, find_user_home, list_cache_folders


@pytest.fixture(autouse=True)
def _fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    caches = (folders.make_writable, folders._find_fallback, notes.write_note)
    for cache in caches:
        cache.cache_clear()
    for name in ("AEGIS_CACHE", "XDG_CACHE_HOME", "AEGIS_CACHE_FALLBACK"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    yield
    monkeypatch.undo()
    for cache in caches:
        cache.cache_clear()


def lose_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user without HOME and without a passwd entry."""

    def missing(_: object) -> None:
        raise KeyError("getpwuid(): uid not found")

    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", missing)
    monkeypatch.setattr(pwd, "getpwnam", missing)


def block_folder(path: Path) -> Path:
    """A path at which nothing can be made, for root neither: a file is in the way."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("")
    return path / "inside"


def test_the_usual_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_cache_folder() == tmp_path / "home/.cache/aegis"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert find_cache_folder() == tmp_path / "xdg/aegis"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert find_cache_folder() == tmp_path / "home/.cache/aegis"
    monkeypatch.setenv("AEGIS_CACHE", "~/mine")
    assert list_cache_folders() == (tmp_path / "home/mine",)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AEGIS_CACHE", "here")
    assert find_cache_folder() == tmp_path / "here"


def test_no_home_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    lose_home(monkeypatch)
    assert find_user_home() is None
    with caplog.at_level(logging.WARNING):
        found = [find_cache_folder() for _ in range(3)]
    assert set(found) == {tmp_path / f"temporary/aegis-{os.getuid()}"}
    assert len(caplog.records) == 1
    assert "HOME" in caplog.text
    assert "AEGIS_CACHE" in caplog.text
    with pytest.raises(MachineError, match="HOME is not set"):
        expand_home("~/assets")
    assert expand_home("/data/~x") == Path("/data/~x")


def test_what_cannot_be_written_is_still_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = block_folder(tmp_path / "cache")
    monkeypatch.setenv("AEGIS_CACHE", str(wanted))
    here, there = list_cache_folders()
    assert (here.parent, there) == (tmp_path / "temporary", wanted)
    assert here.stat().st_mode & 0o077 == 0


def test_a_child_uses_its_parents_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AEGIS_CACHE", str(block_folder(tmp_path / "cache")))
    first = find_cache_folder()
    folders._find_fallback.cache_clear()
    monkeypatch.setattr(folders, "write_note", lambda text: pytest.fail(text))
    assert find_cache_folder() == first


def test_a_name_that_somebody_took_is_not_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AEGIS_CACHE", str(block_folder(tmp_path / "cache")))
    taken = tmp_path / f"temporary/aegis-{os.getuid()}"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    taken.symlink_to(elsewhere)
    assert find_cache_folder() not in (taken, elsewhere)
    folders._find_fallback.cache_clear()
    monkeypatch.delenv("AEGIS_CACHE_FALLBACK")
    taken.unlink()
    taken.mkdir()
    taken.chmod(0o777)
    assert find_cache_folder() != taken


def test_nowhere_to_write_names_the_variables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AEGIS_CACHE", str(block_folder(tmp_path / "cache")))
    monkeypatch.setattr(tempfile, "tempdir", str(block_folder(tmp_path / "other")))
    with pytest.raises(MachineError, match=r"AEGIS_CACHE=.*HOME or TMPDIR"):
        find_cache_folder()
