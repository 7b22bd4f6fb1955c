"""Pictures of a report: PNG that any reader reads, at ticks that show the hand-over."""

from __future__ import annotations

import io

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from aegis.app.study.pictures import _choose_ticks, encode_png
from tests.study.rows import row


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**32))
def test_a_picture_survives(height: int, width: int, seed: int) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    data = encode_png(image)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(data))), image)
    assert encode_png(image.copy()) == data


@given(st.integers(1, 220), st.integers(1, 9), st.integers(0, 219))
def test_ticks_lie_in_the_episode_and_one_is_the_hand_over(steps: int, count: int, k: int) -> None:
    handover = min(k, steps - 1)
    ticks = _choose_ticks(row("ours", 0, True, strong=1, steps=steps, handover=handover), count)
    assert ticks == sorted(set(ticks))
    assert 0 <= ticks[0] <= ticks[-1] < steps
    assert len(ticks) <= count
    assert count <= 2 or handover in ticks
