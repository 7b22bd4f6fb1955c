"""Views: known keys have cameras, others must be named; left is left."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from aegis.core.errors import ConfigError, UnknownNameError
from policies.lerobot.views import View, collect_cameras, describe_views, read_views

LIBERO = {"observation.images.image": (3, 256, 256), "observation.images.image2": (3, 128, 256)}


def test_libero_names_its_pictures() -> None:
    views = read_views(None, LIBERO, "weak")
    assert views == {
        "observation.images.image": View("agentview", (256, 256), True),
        "observation.images.image2": View("wrist", (128, 256), True),
    }
    assert collect_cameras(views, "weak") == {"agentview": (256, 256), "wrist": (128, 256)}
    assert "image2 = wrist 128x256 mirrored" in describe_views(views)


def test_what_is_given_replaces_what_is_known() -> None:
    shapes = {**LIBERO, "observation.images.empty_camera_0": (3, 480, 640)}
    given = {"image": {"mirror": False}, "observation.images.image2": {"size": [64, 32]}}
    views = read_views(given, shapes, "weak")
    assert views["observation.images.image"] == View("agentview", (256, 256), False)
    assert views["observation.images.image2"] == View("wrist", (64, 32), True)
    assert len(views) == 2


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"top": {"camera": "agentview"}}, UnknownNameError, r"'top' in weak.views.*image2"),
        ({"image": {"flip": True}}, UnknownNameError, r"'flip'.*Allowed: camera, size, mirror"),
        ({"image": {"mirror": "yes"}}, ConfigError, r"mirror' must be true or false. Got: 'yes'"),
        ({"image": {"size": 64}}, ConfigError, r"size' must be \[height, width\].*Got: 64"),
        ({"image": {"size": [64, 0]}}, ConfigError, r"Got: \[64, 0\]"),
        ({"image2": {"camera": "agentview"}}, ConfigError, r"'agentview' in two sizes"),
    ],
)
def test_views_that_cannot_be(
    given: dict[str, dict[str, object]], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        read_views(given, LIBERO, "weak")


def test_unknown_keys_are_never_guessed() -> None:
    with pytest.raises(ConfigError, match=r"'observation.images.top' means.*weak.views.top="):
        read_views(None, {"observation.images.top": (3, 64, 64)}, "weak")


@given(arrays(np.uint8, (2, 3, 4, 3)), st.booleans())
def test_pictures_are_arranged(pictures: np.ndarray, mirror: bool) -> None:
    done = View("agentview", (3, 4), mirror).arrange_pictures(pictures)
    assert done.shape == (2, 3, 3, 4)
    assert done.dtype == np.float32
    assert done.flags.c_contiguous
    column = 3 if mirror else 0
    want = pictures[:, :, column, 1].astype(np.float32) / np.float32(255)
    assert np.array_equal(done[:, 1, :, 0], want)


def test_a_lamp_on_the_left_is_on_the_right_when_mirrored() -> None:
    picture = np.zeros((1, 8, 8, 3), np.uint8)
    picture[:, :, :2] = 255
    seen = View("agentview", (8, 8), True).arrange_pictures(picture)[0, 0]
    assert seen[:, 6:].min() == 1
    assert seen[:, :6].max() == 0
