"""Parting: the first tick with different states, by hand and as laws."""

from __future__ import annotations

import math

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis.core.errors import PairingError
from aegis.records.schemas import STEP_SCHEMA
from aegis.study.comparison.parting import (
    find_parting,
    find_partings,
    read_states,
    summarise_partings,
)
from tests.study.rows import row

states = st.lists(st.sampled_from("abc"), min_size=1, max_size=8)


@pytest.mark.parametrize(
    ("one", "other", "tick"),
    [
        ("abc", "abc", None),
        ("abc", "axc", 1),
        ("abc", "xbc", 0),
        ("abc", "abx", 2),
        ("ab", "abc", 2),
        ("abc", "ab", 2),
    ],
)
def test_first_different_state_by_hand(one: str, other: str, tick: int | None) -> None:
    assert find_parting(one, other) == tick


@given(states, states)
def test_parting_is_symmetric_and_its_prefix_is_shared(one: list[str], other: list[str]) -> None:
    tick = find_parting(one, other)
    assert tick == find_parting(other, one)
    assert (tick is None) == (one == other)
    if tick is not None:
        assert one[:tick] == other[:tick]
        assert one[tick : tick + 1] != other[tick : tick + 1]


def test_summary_by_hand() -> None:
    found = summarise_partings([4, None, 1, 3, 2, None, 5])
    assert (found.parted, found.never) == (5, 2)
    assert (found.first, found.low, found.median, found.high, found.last) == (1, 2, 3, 4, 5)


def test_summary_of_units_that_never_part_has_no_tick() -> None:
    found = summarise_partings([None, None])
    assert (found.parted, found.never) == (0, 2)
    assert math.isnan(found.median)


@given(st.lists(st.none() | st.integers(0, 300), min_size=1), st.randoms(use_true_random=False))
def test_summary_does_not_depend_on_the_order_of_units(
    ticks: list[int | None], rng: object
) -> None:
    other = list(ticks)
    rng.shuffle(other)  # type: ignore[attr-defined]
    assert repr(summarise_partings(ticks)) == repr(summarise_partings(other))


def steps(digests: dict[str, str]) -> pa.Table:
    rows = [
        {"task": 0, "start": "wide", "index": 0, "arm": arm, "k": k, "digest": digest}
        for arm, text in digests.items()
        for k, digest in reversed(list(enumerate(text)))
    ]
    return pa.Table.from_pylist(rows, schema=STEP_SCHEMA)


def test_states_are_read_in_order_and_with_the_last_one() -> None:
    episodes = [row("a", 0, True, steps=3), row("b", 0, False, steps=2)]
    found = read_states(steps({"a": "xyz", "b": "xy"}), episodes)
    unit = (0, "wide", 0)
    assert found == {"a": {unit: ["x", "y", "z", "end"]}, "b": {unit: ["x", "y", "end"]}}
    assert find_partings(found["a"], found["b"]) == {unit: 2}


def test_lost_steps_are_noticed() -> None:
    with pytest.raises(PairingError, match="has 2 rows in the table of steps, but 3 steps"):
        read_states(steps({"a": "xy"}), [row("a", 0, True, steps=3)])
