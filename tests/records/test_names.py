"""One rule for names, and file names that can be taken apart again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis.core.errors import ConfigError
from aegis.core.types import EpisodeKey
from aegis.records.names import (
    LONGEST,
    check_family_name,
    check_name,
    format_part_name,
    parse_part_name,
)

GOOD = ["study", "my-arm", "früh", "läuft", "2026.11", "_x", "a" * LONGEST, "走る", "หุ่น", "x--1"]
BAD = [
    "", ".", "..", ".hidden", "-x", "a/b", "/a", "a\\b", "a b", " a", "a\n", "a\x00", "a\x7f",
    "a\u200b",
    "a:b", "a*", "~", "a" * (LONGEST + 1), "ü" * LONGEST, "\ud800", "\u0301a", 1, None, True, ["a"],
]  # fmt: skip


def is_name(text: str) -> bool:
    try:
        check_name(text, "'name'")
    except ConfigError:
        return False
    return True


NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12).filter(is_name)


@pytest.mark.parametrize("name", GOOD)
def test_names(name: str) -> None:
    assert check_name(name, "'name'") == name


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_name_is_refused_with_the_reason(name: object) -> None:
    with pytest.raises(ConfigError, match=r"an arm must be a name: .* Got: .*; .+\.$"):
        check_name(name, "an arm")


@given(NAMES)
def test_a_name_is_one_file_name(name: str) -> None:
    assert name == name.strip()
    assert not {"/", "\\", "\0", "\n"} & set(name)
    assert name not in (".", "..")
    assert len(f"9999999-wide-9999999-{name}.parquet".encode()) < 255


@given(st.integers(0, 999), NAMES.filter(lambda name: "-" not in name), st.integers(0), NAMES)
def test_a_part_is_taken_apart_into_what_it_was_made_from(
    task: int, family: str, index: int, arm: str
) -> None:
    key = EpisodeKey(0, "suite", task, check_family_name(family), index)
    assert parse_part_name(format_part_name(key, arm)) == (task, family, index, arm)


@pytest.mark.parametrize("file", ["episodes.parquet", "1-wide-2.parquet", ".1-w-2-a.parquet.7.tmp"])
def test_other_files_are_no_parts(file: str) -> None:
    assert parse_part_name(file) is None


def test_families_hold_no_dash() -> None:
    with pytest.raises(ConfigError, match="without dashes"):
        check_family_name("wide-2")
