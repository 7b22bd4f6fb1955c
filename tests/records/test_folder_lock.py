"""Folder lock: one writer at a time, and nothing to clear away after a kill."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from aegis.core.errors import BusyFolderError
from aegis.records.files import remove_orphans, write_atomic
from aegis.records.folder_lock import LOCK_FILE, LockHolder, lock_folder

_HOLD = """
import sys
from pathlib import Path
from aegis.records.folder_lock import lock_folder
with lock_folder(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def hold_lock(folder: Path) -> subprocess.Popen[str]:
    """Starts a process that holds the lock until its standard input ends."""
    child = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    return child


def test_the_second_is_told_who_and_a_killed_one_is_forgotten(tmp_path: Path) -> None:
    child = hold_lock(tmp_path)
    says = rf"process {child.pid} on .*, since 20.*another name"
    with pytest.raises(BusyFolderError, match=says), lock_folder(tmp_path):
        pass
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert json.loads((tmp_path / LOCK_FILE).read_text())["pid"] == child.pid
    with lock_folder(tmp_path):
        pass
    assert (tmp_path / LOCK_FILE).read_text() == "", "nobody is named after a clean end"


def test_one_that_ends_makes_room(tmp_path: Path) -> None:
    child = hold_lock(tmp_path)
    child.communicate("")
    with lock_folder(tmp_path / "." / ""):
        pass


def test_an_error_inside_gives_the_lock_back(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), lock_folder(tmp_path):
        raise ZeroDivisionError
    assert (tmp_path / LOCK_FILE).read_text() == ""


def test_the_same_thread_goes_on_and_another_is_told(tmp_path: Path) -> None:
    heard: list[str] = []

    def try_it() -> None:
        try:
            with lock_folder(tmp_path):
                heard.append("in")
        except BusyFolderError as error:
            heard.append(str(error))

    with lock_folder(tmp_path), lock_folder(tmp_path):
        other = threading.Thread(target=try_it)
        other.start()
        other.join()
    assert "another thread" in heard[0]
    try_it()
    assert heard[1:] == ["in"]


@pytest.mark.parametrize(
    ("host", "boot", "taken"),
    [("elsewhere", "another-start", False), (None, "another-start", True), ("renamed", None, True)],
)
def test_a_lock_left_on_another_machine_is_not_taken(
    host: str | None, boot: str | None, taken: bool, tmp_path: Path
) -> None:
    me = LockHolder.describe_self()
    left = {"pid": 1, "host": host or me.host, "boot": boot or me.boot, "since": "yesterday"}
    (tmp_path / LOCK_FILE).write_text(json.dumps(left))
    if taken:
        with lock_folder(tmp_path):
            return
    with (
        pytest.raises(BusyFolderError, match=r"process 1 on elsewhere.*remove .*\.lock"),
        lock_folder(tmp_path),
    ):
        pass
    (tmp_path / LOCK_FILE).unlink()
    with lock_folder(tmp_path):
        pass


def test_only_orphans_of_this_machine_are_removed(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    host, me = LockHolder.describe_self().host, LockHolder.describe_self().pid
    names = [f".a.parquet.{me}@{host}.tmp", f".a.parquet.{gone.pid}@other.tmp", ".mine.tmp"]
    for name in (*names, f".a.parquet.{gone.pid}@{host}.tmp"):
        (tmp_path / name).touch()
    remove_orphans(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(names)
    write_atomic(tmp_path / "a.parquet", b"1")
    assert (tmp_path / "a.parquet").read_bytes() == b"1"
