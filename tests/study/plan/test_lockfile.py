"""Locks: one changed byte is found, whatever it is in, and said by name."""

from __future__ import annotations

from math import inf
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aegis.core.errors import ConfigError, LockError, TraceError
from aegis.study.plan.digests import compute_code_digests, compute_tree_digest
from aegis.study.plan.lockfile import (
    PLAN_FILE,
    compare_digests,
    read_lock,
    refuse_changes,
    write_lock,
)

TREE = {
    "name": "small",
    "plan": {"alpha": 0.05, "contrasts": [{"arm": "ours", "against": "blind"}], "looks": []},
    "arms": {"ours": {"gate": {"threshold": 1e-05, "release": -inf, "holds": [3, 3, 4]}}},
    "empty": None,
    "words": "lock:\nis a word: like others",
}
DIGESTS = {"code": "a" * 64, "version.numpy": "2.4"}


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    written = write_lock(tmp_path / "run", TREE, DIGESTS)
    assert written.tree == TREE
    assert {**written.digests, "plan": ""} == {**DIGESTS, "plan": ""}
    assert read_lock(tmp_path / "run") == written
    other = write_lock(tmp_path / "again", TREE, DIGESTS)
    assert other.digest == written.digest, "equal plans have equal bytes"


def test_a_plan_is_locked_once(tmp_path: Path) -> None:
    write_lock(tmp_path, TREE, DIGESTS)
    with pytest.raises(LockError, match="locked once"):
        write_lock(tmp_path, TREE, DIGESTS)


@settings(deadline=None, max_examples=50)  # files, on whatever disk
@given(data=st.data())
def test_any_edit_of_the_text_is_refused(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("edit")
    text = write_lock(root, TREE, DIGESTS).text
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from([c for c in " #0x\n" if c != text[at]]))
    (root / PLAN_FILE).write_text(text[:at] + other + text[at + 1 :])
    with pytest.raises((LockError, TraceError)):
        read_lock(root)


def test_the_message_names_what_and_what_to_do(tmp_path: Path) -> None:
    locked = write_lock(tmp_path, TREE, DIGESTS)
    changes = compare_digests(locked.digests, {**DIGESTS, "code": "b" * 64, "version.new": "1"})
    assert [change.name for change in changes] == ["code", "version.new"]
    with pytest.raises(LockError) as caught:
        refuse_changes(locked.path, changes)
    for words in ("code: locked aaaaaaaaaaaa…, found bbbbbbbbbbbb…", "'nothing'", "git checkout"):
        assert words in str(caught.value)
    refuse_changes(locked.path, ())


def test_what_is_no_lock_is_said(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="missing or damaged"):
        read_lock(tmp_path)
    for text in ("name: x\n", "[", "lock: 3\n", "a: 1\nlock:\n"):
        (tmp_path / PLAN_FILE).write_text(text)
        with pytest.raises(TraceError):
            read_lock(tmp_path)


def test_a_digest_of_code_sees_names_and_contents_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("1")
    (tmp_path / "b.py").write_text("2")
    first = compute_tree_digest(tmp_path, tmp_path.glob("*.py"))
    (tmp_path / "b.py").touch()
    (tmp_path / "c.pyc").write_text("3")
    assert compute_tree_digest(tmp_path, reversed(list(tmp_path.glob("*.py")))) == first
    (tmp_path / "b.py").rename(tmp_path / "d.py")
    assert compute_tree_digest(tmp_path, tmp_path.glob("*.py")) != first
    # What moves from the end of one file to the beginning of the next is a change, too.
    (tmp_path / "a.py").write_text("12")
    (tmp_path / "d.py").write_text("")
    assert compute_tree_digest(tmp_path, tmp_path.glob("*.py")) != first


def test_every_room_has_a_digest() -> None:
    found = compute_code_digests()
    assert {f"code.aegis.{room}" for room in ("core", "gates", "fleet", "study", "app")} <= set(
        found
    )
    assert {"code.aegis", "code.envs", "code.policies"} <= set(found)
    with pytest.raises(ConfigError, match="'nosuch' cannot be found"):
        compute_code_digests(("nosuch",))
