"""The line of a plan is found again in any text, and one changed sign makes it another."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from aegis.study.plan.lockfile import write_lock
from aegis.study.publication.lock_line import LockLine, describe_lock, find_lock_lines

DIGEST = "0123456789abcdef" * 4
WORDS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=20)


def test_the_line_is_stable(tmp_path: Path) -> None:
    line = LockLine("big", DIGEST, "x86-64-v3/1")
    assert str(line) == f"aegis-lock/1 big sha256:{DIGEST} level:x86-64-v3/1"
    locked = write_lock(tmp_path, {"name": "läuft gut"}, {"code": "1"})
    text = str(describe_lock(locked))
    assert text == f"aegis-lock/1 l%C3%A4uft%20gut sha256:{locked.digest}"
    assert find_lock_lines(text) == (describe_lock(locked),)


@given(WORDS, WORDS | st.just(""))
def test_any_name_comes_back(name: str, level: str) -> None:
    line = LockLine(name, DIGEST, level)
    assert str(line).count("\n") == 0
    assert find_lock_lines(f"Published today:\n> {line}\nand more") == (line,)


def test_lines_stand_anywhere_and_others_are_none() -> None:
    lines = [LockLine("one", DIGEST), LockLine("two", DIGEST[::-1], "native")]
    text = f"# Plans\n* {lines[0]}\r\n<td>{lines[1]}</td>"
    assert [line.digest for line in find_lock_lines(text)] == [DIGEST, DIGEST[::-1]]
    assert find_lock_lines(f"aegis-lock/1 one sha256:{DIGEST.upper()}") == (lines[0],)
    for other in (f"aegis-lock/2 one sha256:{DIGEST}", f"aegis-lock/1 one sha256:{DIGEST}0", ""):
        assert not find_lock_lines(other)
