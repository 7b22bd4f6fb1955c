"""Views: what names say is known, all else must be said; advice can be typed; left is left."""

from __future__ import annotations

import re
import shlex

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from aegis.app.config.overrides import parse_overrides
from aegis.core.errors import ConfigError, UnknownNameError
from policies.lerobot.frame import arrange_pictures
from policies.lerobot.views import PREFIX, collect_cameras, describe_views, read_views
from policies.views import View

LIBERO = {"observation.images.image": (3, 256, 256), "observation.images.image2": (3, 128, 256)}
NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,9}", fullmatch=True)
SIDES = st.integers(1, 512)


def test_libero_names_its_pictures() -> None:
    views = read_views(None, LIBERO, "weak", mirror=True)
    assert views == {
        key: View(camera, key, size, True)
        for key, camera, size in zip(
            LIBERO, ("agentview", "wrist"), ((256, 256), (128, 256)), strict=True
        )
    }
    assert collect_cameras(views, "weak") == {"agentview": (256, 256), "wrist": (128, 256)}
    assert "image2 = wrist 128x256 mirrored" in describe_views(views)


@pytest.mark.parametrize(("ending", "mirror"), [("upright", False), ("upright_mirrored", True)])
def test_names_of_our_exports_say_all(ending: str, mirror: bool) -> None:
    shapes = {f"{PREFIX}{camera}_{ending}": (3, 64, 64) for camera in ("agentview", "left_hand")}
    views = read_views(None, shapes, "weak")
    assert [view.camera for view in views.values()] == ["agentview", "left_hand"]
    assert {view.mirror for view in views.values()} == {mirror}
    assert read_views(None, shapes, "weak", mirror=mirror) == views
    with pytest.raises(ConfigError, match="Leave mirror out: the name says it"):
        read_views(None, shapes, "weak", mirror=not mirror)


def test_what_is_given_replaces_what_is_known() -> None:
    shapes = {**LIBERO, "observation.images.empty_camera_0": (3, 480, 640)}
    given: dict[str, dict[str, object]]
    given = {"image": {"mirror": False}, "observation.images.image2": {"size": [64, 32]}}
    views = read_views(given, shapes, "weak", mirror=True)
    first, second = LIBERO
    assert views[first] == View("agentview", first, (256, 256), False)
    assert views[second] == View("wrist", second, (64, 32), True)
    assert len(views) == 2


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"top": {"camera": "agentview"}}, UnknownNameError, r"'top' in weak.views.*image2"),
        ({"image": {"flip": True}}, UnknownNameError, r"'flip'.*Allowed: camera, size, mirror"),
        ({"image": {"mirror": "yes"}}, ConfigError, r"mirror' must be true or false. Got: 'yes'"),
        ({"image": {"camera": 3}}, ConfigError, r"camera' must be the name of a camera. Got: 3"),
        ({"image": {"size": 64}}, ConfigError, r"size' must be \[height, width\].*Got: 64"),
        ({"image": {"size": [64, 0]}}, ConfigError, r"Got: \[64, 0\]"),
        ({"image2": {"camera": "agentview"}}, ConfigError, r"'agentview' in two sizes"),
    ],
)
def test_views_that_cannot_be(
    given: dict[str, dict[str, object]], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        read_views(given, LIBERO, "weak", mirror=True)


def test_which_way_round_is_never_guessed() -> None:
    with pytest.raises(ConfigError, match=r"Nothing says which way round.*image2'") as caught:
        read_views({"image": {"mirror": True}}, LIBERO, "weak")
    advised = re.findall(r"weak\.\w+=\w+", str(caught.value))
    assert advised == ["weak.mirror=true", "weak.mirror=false"]
    for override in parse_overrides(advised):
        mirror = override.value()
        assert isinstance(mirror, bool)
        views = read_views({"image": {"mirror": True}}, LIBERO, "weak", mirror)
        assert [view.mirror for view in views.values()] == [True, mirror]


@given(st.dictionaries(NAMES, st.tuples(SIDES, SIDES), min_size=1, max_size=2), st.booleans())
def test_advice_can_be_typed_as_it_stands(sides: dict[str, tuple[int, int]], given: bool) -> None:
    names = {f"top_{name}": size for name, size in sides.items()}
    shapes = {f"{PREFIX}{name}": (3, *size) for name, size in names.items()}
    stated = {next(iter(names)): {"mirror": False}} if given else None
    with pytest.raises(ConfigError) as caught:
        read_views(stated, shapes, "weak")
    _, begin, rest = str(caught.value).partition("'weak.views=")
    (word,) = shlex.split(begin + rest[: rest.index("'") + 1])
    (override,) = parse_overrides([word])
    assert override.key_or_group == "weak.views"
    advised = override.value()
    assert isinstance(advised, dict)
    views = read_views(advised, shapes, "weak")
    assert {key: tuple(view.size) for key, view in views.items()} == {
        key: shape[1:] for key, shape in shapes.items()
    }
    assert not given or next(iter(views.values())).mirror is False


@given(arrays(np.uint8, (2, 3, 4, 3)), st.booleans())
def test_pictures_are_arranged(pictures: np.ndarray, mirror: bool) -> None:
    done = arrange_pictures(pictures, View("agentview", "image", (3, 4), mirror))
    assert done.shape == (2, 3, 3, 4)
    assert done.dtype == np.float32
    assert done.flags.c_contiguous
    column = 3 if mirror else 0
    want = pictures[:, :, column, 1].astype(np.float32) / np.float32(255)
    assert np.array_equal(done[:, 1, :, 0], want)


def test_a_lamp_on_the_left_is_on_the_right_when_mirrored() -> None:
    picture = np.zeros((1, 8, 8, 3), np.uint8)
    picture[:, :, :2] = 255
    seen = arrange_pictures(picture, View("agentview", "image", (8, 8), True))[0, 0]
    assert seen[:, 6:].min() == 1
    assert seen[:, :6].max() == 0
