"""Pictures: mirrored, resized by area, or refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from aegis.core.errors import MessageError
from aegis.serve.pictures import (
    MOST_PIXELS,
    PictureForm,
    fit_picture,
    read_picture,
    resize_picture,
)

MIRROR, PLAIN = PictureForm(None, True, True), PictureForm(None, False, True)
PICTURES = hnp.arrays(np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 12), st.just(3)))


@given(PICTURES)
def test_a_mirrored_picture_mirrored_again_is_the_picture(picture: np.ndarray) -> None:
    assert np.array_equal(read_picture(read_picture(picture, "p", MIRROR), "p", MIRROR), picture)
    assert read_picture(picture, "p", PLAIN) is picture


@given(PICTURES, st.integers(1, 4))
def test_means_over_whole_blocks(picture: np.ndarray, times: int) -> None:
    big = picture.repeat(times, axis=0).repeat(times, axis=1)
    assert np.array_equal(resize_picture(big, *picture.shape[:2]), picture)
    assert np.array_equal(resize_picture(picture, *big.shape[:2]), big)


@given(PICTURES, st.integers(1, 20), st.integers(1, 20))
def test_a_mean_stays_within_what_is_there(picture: np.ndarray, h: int, w: int) -> None:
    small = resize_picture(picture, h, w)
    assert small.shape == (h, w, 3)
    assert small.min() >= picture.min()
    assert small.max() <= picture.max()


def test_means_are_over_areas() -> None:
    row = np.array([[[0, 0, 0], [90, 90, 90], [30, 30, 30]]], np.uint8)
    # Two pixels over three: each covers one and a half.
    assert resize_picture(row, 1, 2)[0, :, 0].tolist() == [30, 50]


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (None, "camera is missing"),
        ("no", "camera is a str"),
        (np.zeros((4, 4, 3)), "camera is float64"),
        (np.zeros((4, 4, 4), np.uint8), r"of shape \(4, 4, 4\)"),
        (np.zeros((3, 4, 4), np.uint8), r"of shape \(3, 4, 4\)"),
        (np.zeros((0, 4, 3), np.uint8), r"of shape \(0, 4, 3\)"),
    ],
)
def test_what_is_no_picture(value: object, says: str) -> None:
    with pytest.raises(MessageError, match=says):
        read_picture(value, "camera", MIRROR)


def test_other_sizes_are_taken_where_that_is_said() -> None:
    picture = np.zeros((8, 8, 3), np.uint8)
    assert fit_picture(picture, (8, 8), "camera", False) is picture
    assert fit_picture(picture, (4, 4), "camera", True).shape == (4, 4, 3)
    with pytest.raises(MessageError, match="resize=true"):
        fit_picture(picture, (4, 4), "camera", False)
    with pytest.raises(MessageError, match="aspect"):
        fit_picture(picture, (4, 6), "camera", True)


SIDES = st.integers(1, 40)


@given(st.tuples(SIDES, SIDES), st.tuples(SIDES, SIDES), st.booleans())
def test_what_is_read_can_be_fitted_and_what_is_refused_could_not(
    sent: tuple[int, int], size: tuple[int, int], resize: bool
) -> None:
    picture = np.zeros((*sent, 3), np.uint8)
    try:
        read = read_picture(picture, "camera", PictureForm(size, False, resize))
    except MessageError:
        with pytest.raises(MessageError):
            fit_picture(picture, size, "camera", resize)
        return
    assert fit_picture(read, size, "camera", resize).shape == (*size, 3)


def test_a_picture_that_no_camera_takes_costs_nothing() -> None:
    """It has the right aspect, and no memory: its size is judged before its pixels are touched."""
    side = int(MOST_PIXELS**0.5) + 1
    huge = np.broadcast_to(np.uint8(0), (side, side, 3))
    with pytest.raises(MessageError, match="at most"):
        read_picture(huge, "camera", PictureForm((64, 64), True, True))
