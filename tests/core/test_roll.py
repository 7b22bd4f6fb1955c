"""Laws of roll: what committed actions do to proprioception, for each kind of action."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.transform import Rotation

from aegis.core.errors import EmbodimentError
from aegis.core.roll import ProprioMap, roll
from aegis.core.types import ActionKind, Embodiment
from envs.panda import panda_embodiment
from tests.fakes import toy_embodiment

PLANE = ProprioMap(entries=(0, 1, -1), scales=(2.0, 2.0, 0.0))
ARM = ProprioMap((0, 1, 2, 3, 4, 5, -1), (0.01,) * 3 + (0.1,) * 3 + (0.0,), turn=3)


def make_robot(kind: ActionKind) -> Embodiment:
    return replace(toy_embodiment(), kind=kind)


ROWS = np.array([[0.1, 0.2, 1], [0.3, -0.2, 1]], np.float32)


@pytest.mark.parametrize(
    ("kind", "after"),
    [
        (ActionKind.ABSOLUTE, [0.6, -0.4]),
        (ActionKind.DELTA, [1.8, 2.0]),
        (ActionKind.VELOCITY, [1 + 0.05 * 0.8, 2.0]),
    ],
)
def test_each_kind_of_action_moves_as_it_should(kind: ActionKind, after: list[float]) -> None:
    found = roll(np.array([1, 2], np.float32), ROWS, make_robot(kind), PLANE)
    np.testing.assert_allclose(found, after, rtol=1e-6)
    assert found.dtype == np.float32


VECTORS = arrays(np.float64, 3, elements=st.floats(-2, 2))


@given(start=VECTORS, turns=st.lists(VECTORS, min_size=1, max_size=4))
def test_turns_are_those_of_scipy(start: np.ndarray, turns: list[np.ndarray]) -> None:
    rows = np.zeros((len(turns), 7), np.float32)
    rows[:, 3:6] = turns
    proprio = np.array([0, 0, 0, *start, 0, 0], np.float32)
    found = roll(proprio, rows, panda_embodiment(), ARM)
    expected = Rotation.from_rotvec(proprio[3:6])
    for row in rows:
        expected = Rotation.from_rotvec(0.1 * row[3:6].astype(np.float64)) * expected
    assert (Rotation.from_rotvec(found[3:6]) * expected.inv()).magnitude() < 1e-5


@given(start=VECTORS)
def test_a_small_turn_moves_the_vector_little(start: np.ndarray) -> None:
    """A vector near half a turn does not jump to the other side."""
    proprio = np.array([0, 0, 0, *start * np.pi / 2, 0, 0], np.float32)
    row = np.zeros((1, 7), np.float32)
    row[0, 3:6] = 1e-3
    found = roll(proprio, row, panda_embodiment(), ARM)
    full = 2 * np.pi - np.linalg.norm(proprio[3:6])
    assert np.linalg.norm(found - proprio) < 1e-2 * max(1, 1 / max(abs(full), 1e-2))


@given(rows=arrays(np.float32, (4, 7), elements=st.floats(-1, 1, width=32)), at=st.integers(0, 4))
def test_rolling_in_two_parts_is_rolling_at_once(rows: np.ndarray, at: int) -> None:
    proprio = np.array([0.1, 0.2, 0.3, 0.4, -0.5, 0.6, 0.02, -0.02], np.float32)
    once = roll(proprio, rows, panda_embodiment(), ARM)
    half = roll(proprio, rows[:at], panda_embodiment(), ARM)
    np.testing.assert_allclose(roll(half, rows[at:], panda_embodiment(), ARM), once, atol=1e-5)
    np.testing.assert_array_equal(once[6:], proprio[6:], "nothing else moves")


def test_nothing_committed_changes_nothing() -> None:
    proprio = np.array([0.1, 0.2, 0.3, 3.0, -0.5, 0.6, 0.02, -0.02], np.float32)
    found = roll(proprio, np.empty((0, 7), np.float32), panda_embodiment(), ARM)
    np.testing.assert_array_equal(found, proprio)


def test_a_map_of_another_robot_is_refused() -> None:
    with pytest.raises(EmbodimentError, match="The map is of 3 actions and 2 entries"):
        roll(np.zeros(8, np.float32), np.zeros((1, 7), np.float32), panda_embodiment(), PLANE)
    with pytest.raises(EmbodimentError, match="the robot has 3 and 1"):
        roll(np.zeros(1, np.float32), ROWS, make_robot(ActionKind.DELTA), PLANE)
    with pytest.raises(EmbodimentError, match="as many"):
        ProprioMap((0, 1), (1.0,))
    with pytest.raises(EmbodimentError, match="two dimensions more"):
        ProprioMap((0, 1, 2), (1.0,) * 3, turn=1)
