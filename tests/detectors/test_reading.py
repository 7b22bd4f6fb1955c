"""Readings: which layers, in which order, time, and what was seen before."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis.core.errors import ConfigError, UnknownNameError
from aegis.detectors.reading import TICK_FEATURES, Past, Reading, encode_ticks

HERE = "the proposal of 'weak'"
LAYERS = {"a": 3, "b": 2, "c.1": 1}
FEATURES = {name: np.full(width, i, np.float32) for i, (name, width) in enumerate(LAYERS.items())}
ORDERS = st.permutations(["a", "b", "c.1", "past", "tick"])


@given(ORDERS, st.integers(0, 219))
def test_parts_are_joined_in_the_order_of_their_names(names: list[str], k: int) -> None:
    reading = Reading("+".join(names))
    seen = reading.update_past(None, FEATURES, HERE)
    got = reading.build_vector(FEATURES, k, 220, HERE, seen)
    parts = {**FEATURES, "tick": encode_ticks([k], 220)[0]}
    parts["past"] = np.concatenate([FEATURES[name] for name in reading.tapped])
    want = [parts[name] for name in names]
    np.testing.assert_array_equal(got, np.concatenate(want))
    assert got.dtype == np.float32


@given(ORDERS, st.lists(st.integers(1, 4), min_size=1, max_size=3))
def test_a_table_reads_like_its_episodes_one_after_the_other(
    names: list[str], lengths: list[int]
) -> None:
    reading = Reading("+".join(names))
    episode = np.repeat(np.arange(len(lengths)), lengths)
    k = np.concatenate([5 * np.arange(n) for n in lengths])
    noise = np.random.default_rng(len(k)).normal(size=len(k)).astype(np.float32)
    columns = {name: vector + noise[:, None] for name, vector in FEATURES.items()}
    rows, seen = [], None
    for i, tick in enumerate(k):
        chunk = {name: columns[name][i] for name in columns}
        seen = reading.update_past(seen if tick else None, chunk, HERE)
        rows.append(reading.build_vector(chunk, int(tick), 220, HERE, seen))
    np.testing.assert_array_equal(reading.build_matrix(columns, episode, k, 220), np.stack(rows))
    assert reading.count_features(LAYERS, HERE) == len(rows[0])


@given(st.integers(1, 9))
def test_the_past_is_a_mean(n: int) -> None:
    past = None
    for i in range(n):
        past = Reading("b+past").update_past(past, {"b": np.float32([i, 1.0])}, HERE)
    assert isinstance(past, Past)
    np.testing.assert_allclose(past.mean, [(n - 1) / 2, 1.0])
    assert Reading("b").update_past(None, FEATURES, HERE) is None


def test_time_is_a_line_a_square_and_two_waves() -> None:
    np.testing.assert_allclose(
        encode_ticks([0, 110], 220), [[0, 0, 0, 1], [0.5, 0.25, *make_wave(10)]]
    )
    assert encode_ticks([0], 220).shape == (1, TICK_FEATURES)


def make_wave(angle: float) -> tuple[np.float32, np.float32]:
    return np.float32(np.sin(angle)), np.float32(np.cos(angle))


def test_one_layer_is_read_as_it_is() -> None:
    assert Reading("b").build_vector(FEATURES, 3, 220, HERE) is FEATURES["b"]
    assert Reading("b").tapped == ("b",)


def test_what_is_missing_is_named() -> None:
    reading = Reading("a+d+tick")
    assert reading.tapped == ("a", "d")
    for ask in (
        lambda: reading.build_vector(FEATURES, 0, 220, HERE),
        lambda: reading.count_features(LAYERS, HERE),
    ):
        with pytest.raises(UnknownNameError, match=r"Unknown layer 'd'.*Allowed: a, b, c\.1"):
            ask()


@pytest.mark.parametrize("layer", ["", "a+", "a++b", "a+a", "tick", "past+tick"])
def test_what_says_nothing_is_refused(layer: str) -> None:
    with pytest.raises(ConfigError, match="does not say what to read"):
        Reading(layer)
