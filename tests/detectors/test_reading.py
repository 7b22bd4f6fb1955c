"""Readings: which layers, in which order, and time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis.core.errors import ConfigError, UnknownNameError
from aegis.detectors.reading import TICKS, Reading, ticks

HERE = "the proposal of 'weak'"
LAYERS = {"a": 3, "b": 2, "c.1": 1}
FEATURES = {name: np.full(width, i, np.float32) for i, (name, width) in enumerate(LAYERS.items())}
ORDERS = st.permutations(["a", "b", "c.1", "tick"])


@given(ORDERS, st.integers(0, 219))
def test_parts_are_joined_in_the_order_of_their_names(names: list[str], k: int) -> None:
    got = Reading("+".join(names)).vector(FEATURES, k, 220, HERE)
    want = [ticks([k], 220)[0] if name == "tick" else FEATURES[name] for name in names]
    np.testing.assert_array_equal(got, np.concatenate(want))
    assert got.dtype == np.float32


@given(ORDERS, st.lists(st.integers(0, 219), min_size=1, max_size=5))
def test_a_table_reads_like_its_rows(names: list[str], k: list[int]) -> None:
    reading = Reading("+".join(names))
    columns = {name: np.stack([vector + i for i in k]) for name, vector in FEATURES.items()}
    rows = [
        reading.vector({name: columns[name][i] for name in columns}, tick, 220, HERE)
        for i, tick in enumerate(k)
    ]
    np.testing.assert_array_equal(reading.matrix(columns, np.array(k), 220), np.stack(rows))
    assert reading.width(LAYERS, HERE) == len(rows[0])


def test_time_is_a_line_a_square_and_two_waves() -> None:
    np.testing.assert_allclose(ticks([0, 110], 220), [[0, 0, 0, 1], [0.5, 0.25, *wave(10)]])
    assert ticks([0], 220).shape == (1, TICKS)


def wave(angle: float) -> tuple[np.float32, np.float32]:
    return np.float32(np.sin(angle)), np.float32(np.cos(angle))


def test_one_layer_is_read_as_it_is() -> None:
    assert Reading("b").vector(FEATURES, 3, 220, HERE) is FEATURES["b"]
    assert Reading("b").tapped == ("b",)


def test_what_is_missing_is_named() -> None:
    reading = Reading("a+d+tick")
    assert reading.tapped == ("a", "d")
    for ask in (
        lambda: reading.vector(FEATURES, 0, 220, HERE),
        lambda: reading.width(LAYERS, HERE),
    ):
        with pytest.raises(UnknownNameError, match=r"Unknown layer 'd'.*Allowed: a, b, c\.1"):
            ask()


@pytest.mark.parametrize("layer", ["", "a+", "a++b", "a+a", "tick"])
def test_what_says_nothing_is_refused(layer: str) -> None:
    with pytest.raises(ConfigError, match="does not say what to read"):
        Reading(layer)
