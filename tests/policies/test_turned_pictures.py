"""Pictures are turned in one place, back and forth; names say how."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from aegis.core.conventions import (
    MIRRORED,
    PICTURES,
    TURNED,
    UPRIGHT,
    UPSIDE_DOWN,
    name_pictures,
    read_picture_name,
    turn_pictures,
)
from aegis.core.errors import UnknownNameError
from aegis.core.types import U8

ANY = arrays(np.uint8, st.tuples(st.integers(1, 3), *[st.integers(1, 6)] * 2, st.just(3)))


@given(ANY)
def test_each_convention_is_what_it_says(pictures: U8) -> None:
    views = {
        UPRIGHT: pictures,
        MIRRORED: pictures[:, :, ::-1],
        UPSIDE_DOWN: pictures[:, ::-1],
        TURNED: pictures[:, ::-1, ::-1],
    }
    assert set(views) == set(PICTURES)
    for convention, expected in views.items():
        turned = turn_pictures(pictures, convention)
        assert np.array_equal(turned, expected)
        assert turned.flags.c_contiguous
        assert np.array_equal(turn_pictures(turned, convention), pictures)
        assert np.array_equal(turn_pictures(pictures[0], convention), expected[0])


@given(st.from_regex(r"[a-z][a-z0-9_]{0,9}", fullmatch=True), st.sampled_from(PICTURES))
def test_a_name_says_camera_and_convention(camera: str, convention: str) -> None:
    assert read_picture_name(name_pictures(camera, convention)) == (camera, convention)


@pytest.mark.parametrize("name", ["image", "image2", "wrist_image", "upright", "_upright", ""])
def test_other_names_say_nothing(name: str) -> None:
    assert read_picture_name(name) is None


def test_an_unknown_convention_is_refused() -> None:
    with pytest.raises(UnknownNameError, match=r"'mirrored'.*Allowed: upright, upright_mirrored"):
        turn_pictures(np.zeros((2, 2, 3), np.uint8), "mirrored")
