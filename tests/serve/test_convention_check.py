"""Convention check: finds a mirrored picture and a flipped gripper, or that it cannot tell."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis.serve.convention_check import (
    Finding,
    compare_grippers,
    compare_pictures,
    compute_cosines,
)

NAMES = ("x", "y", "z", "rx", "ry", "rz", "gripper")
N, ROWS = 30, 5


def make_expert(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    actions = rng.uniform(-1, 1, (N, 7)).astype(np.float32)
    actions[:, 6] = np.where(rng.random(N) < 0.7, -1, 1)
    return actions


def make_chunks(expert: np.ndarray, noise: float, seed: int = 9) -> np.ndarray:
    rng = np.random.default_rng(seed)
    chunks = expert[:, None].repeat(ROWS, axis=1)
    return (chunks + noise * rng.standard_normal(chunks.shape)).astype(np.float32)


def mirror(chunks: np.ndarray) -> np.ndarray:
    """What a policy does that takes left for right."""
    return chunks * np.array([1, -1, 1, 1, 1, 1, 1], np.float32)


@pytest.mark.parametrize("seed", range(5))
def test_the_way_round_that_fits_is_told(seed: int) -> None:
    expert = make_expert(seed)
    good, bad = make_chunks(expert, 0.3), mirror(make_chunks(expert, 0.3, 10))
    assert compare_pictures(NAMES, expert, good, bad, ROWS).best == "as sent"
    assert compare_pictures(NAMES, expert, bad, good, ROWS).best == "mirrored"


def test_what_knows_nothing_cannot_be_told() -> None:
    expert, rng = make_expert(0), np.random.default_rng(1)
    noise = [rng.standard_normal((N, ROWS, 7)).astype(np.float32) for _ in range(2)]
    finding = compare_pictures(NAMES, expert, *noise, ROWS)
    assert finding.best == ""
    assert "cannot be told" in str(finding)
    still = np.zeros((N, ROWS, 7), np.float32)
    assert compare_pictures(NAMES, expert, still, still, ROWS).p == 1
    assert compare_pictures(NAMES, expert, noise[0], noise[0], ROWS).best == ""


def test_the_sign_of_the_gripper_is_told() -> None:
    expert = make_expert(2)
    chunks = make_chunks(expert, 0.3)
    found = compare_grippers(NAMES, expert, chunks, ROWS)
    flipped = compare_grippers(NAMES, expert, chunks * np.float32(-1), ROWS)
    assert found is not None
    assert flipped is not None
    assert (found.best, flipped.best) == ("as it is", "flipped")
    assert compare_grippers(("x", "y"), expert[:, :2], chunks[..., :2], ROWS) is None


@given(st.integers(0, 40), st.integers(0, 40))
def test_p_is_that_of_the_sign_test(a: int, b: int) -> None:
    one = Finding("q", "k", "o", a, b, (0.5, 0.5))
    other = Finding("q", "k", "o", b, a, (0.5, 0.5))
    assert 0 < one.p <= 1
    assert one.p == other.p
    assert (one.best == "") == (one.p > 0.01)


def test_a_motion_that_is_still_has_no_direction() -> None:
    moves = np.array([[1, 0, 0], [0, 0, 0]], np.float32)
    cosines = compute_cosines(moves, np.array([[2, 0, 0], [1, 0, 0]], np.float32))
    assert cosines[0] == pytest.approx(1)
    assert np.isnan(cosines[1])
