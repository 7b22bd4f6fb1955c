"""Values own their arrays: the caller's are never frozen, and what a value holds never changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from aegis.core.arrays import freeze_array
from aegis.core.protocols import WorldState
from aegis.core.types import (
    Act,
    ActionKind,
    Embodiment,
    EpisodeKey,
    Hold,
    Observation,
    Proposal,
    Stop,
)
from aegis.detectors.head import RiskHead

KEY = EpisodeKey(0, "s", 0, "wide", 0)


def pass_through(array: np.ndarray) -> np.ndarray:
    return array


def make_view(array: np.ndarray) -> np.ndarray:
    return array[:]


def read_only_view(array: np.ndarray) -> np.ndarray:
    found = array[::1]
    found.setflags(write=False)
    return found


def view_of_view(array: np.ndarray) -> np.ndarray:
    return read_only_view(read_only_view(array))


def of_buffer(array: np.ndarray) -> np.ndarray:
    """Shares the memory through Python's buffer protocol, as shared pictures do."""
    found = np.frombuffer(memoryview(array).cast("B"), array.dtype).reshape(array.shape)
    found.setflags(write=False)
    return found


WAYS = [pass_through, make_view, read_only_view, view_of_view, of_buffer]
Pick = tuple[Callable[[np.ndarray], Any], Callable[[Any], np.ndarray], tuple[int, ...], type]
VALUES: list[Pick] = [
    (lambda a: Observation(0, a, {}, ""), lambda v: v.proprio, (3,), np.float32),
    (
        lambda a: Observation(0, a[0, :, 0], {"c": a}, ""),
        lambda v: v.images["c"],
        (2, 3, 3),
        np.uint8,
    ),
    (lambda a: Observation(0, a, {}, "", {"x": a}), lambda v: v.privileged["x"], (3,), np.float64),
    (lambda a: Proposal("w", 0, a), lambda v: v.actions, (4, 2), np.float32),
    (lambda a: Proposal("w", 0, a, {"t": a[0]}), lambda v: v.features["t"], (4, 2), np.float32),
    (lambda a: Proposal("w", 0, a[0], samples=a), lambda v: v.samples, (2, 4, 2), np.float32),
    (lambda a: Act(a), lambda v: v.action, (3,), np.float32),
    (lambda a: Hold(a, ""), lambda v: v.action, (3,), np.float32),
    (lambda a: Stop(a, ""), lambda v: v.action, (3,), np.float32),
    (lambda a: WorldState("m", KEY, 0, a), lambda v: v.values, (5,), np.float64),
    (
        lambda a: Embodiment(("x",), 0 * a - 9, a, ActionKind.DELTA, 0.1, 0 * a, (False,)),
        lambda v: v.high,
        (1,),
        np.float32,
    ),
    (
        lambda a: RiskHead(a, a, (np.ones((3, 1)),), (np.ones(1),)),
        lambda v: v.scale,
        (3,),
        np.float64,
    ),
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("build", "pick", "shape", "kind"), VALUES)
def test_a_buffer_may_be_used_again(
    build: Callable[[np.ndarray], Any],
    pick: Callable[[Any], np.ndarray],
    shape: tuple[int, ...],
    kind: type,
    way: Callable[[np.ndarray], np.ndarray],
) -> None:
    mine = np.ones(shape, kind)
    held = pick(build(way(mine)))
    before = held.copy()
    mine[:] = 7  # it is still writable
    np.testing.assert_array_equal(held, before)
    assert not held.flags.writeable


@given(hnp.arrays(st.sampled_from([np.float32, np.uint8]), hnp.array_shapes(max_dims=4)))
@settings(deadline=None)
def test_freezing_keeps_every_bit(array: np.ndarray) -> None:
    for given_one in (array, array.T, array[::-1]):
        frozen = freeze_array(given_one)
        assert frozen.tobytes() == given_one.tobytes()
        assert (frozen.dtype, frozen.shape) == (given_one.dtype, given_one.shape)
        assert given_one.flags.writeable
        assert freeze_array(frozen) is frozen  # a second time costs nothing


def test_what_nobody_can_write_to_is_not_copied() -> None:
    frozen = freeze_array(np.arange(12.0).reshape(3, 4))
    row = frozen[1]
    assert freeze_array(row) is row
    text = np.frombuffer(b"abcd", np.uint8)
    assert freeze_array(text) is text
    images = {"cam": freeze_array(np.zeros((2, 2, 3), np.uint8))}
    first = Observation(0, freeze_array(np.zeros(2, np.float32)), images, "")
    assert first.images["cam"] is images["cam"]
