"""Views: which camera a policy's picture key means, how large, and which way round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from aegis.core.errors import ConfigError, UnknownNameError
from aegis.core.types import F32, U8

PREFIX = "observation.images."
"""How LeRobot's picture keys begin; a view may be given without it."""

_KNOWN_CAMERAS = {
    "image": "agentview",
    "agentview_image": "agentview",
    "image2": "wrist",
    "wrist_image": "wrist",
    "robot0_eye_in_hand_image": "wrist",
}
"""Names that published LIBERO data sets give to the pictures of our cameras."""

_EMPTY_CAMERA = "empty_camera_"
_SETTINGS = ("camera", "size", "mirror")


@dataclass(frozen=True, slots=True)
class View:
    """A picture as a policy expects it, in the world's terms.

    Attributes:
        camera: The world's name of the camera.
        size: Height and width that are asked of the world [px].
        mirror: Whether it is mirrored left to right. Policies for LIBERO were trained on pictures
            turned by half a turn from robosuite's, which are upside down: upright and mirrored.
    """

    camera: str
    size: tuple[int, int]
    mirror: bool

    def arrange_pictures(self, pictures: U8) -> F32:
        """Returns pictures as LeRobot wants them.

        Args:
            pictures: Upright RGB in [0, 255]. Shape (..., h, w, 3).

        Returns:
            RGB in [0, 1]. Shape (..., 3, h, w).
        """
        if self.mirror:
            pictures = pictures[..., ::-1, :]
        return np.moveaxis(pictures, -1, -3).astype(np.float32, order="C") / np.float32(255)


def read_views(
    given: Mapping[str, Mapping[str, object]] | None,
    shapes: Mapping[str, Sequence[int]],
    where: str,
) -> dict[str, View]:
    """Returns the view of each picture key of a policy.

    Args:
        given: Picture key, with or without ``observation.images.``, to camera, size and mirror;
            what is left out keeps its default. None takes all defaults.
        shapes: The policy's picture keys to the shapes of its pictures, (3, h, w).
        where: Whose they are, for messages.

    Raises:
        UnknownNameError: If a key or a setting does not exist.
        ConfigError: If nothing says which camera a key means, or two keys want one camera's
            picture in two sizes.
    """
    keys = [key for key in shapes if not _is_empty(key)]
    wanted = {}
    for name, settings in (given or {}).items():
        key = name if name in keys else f"{PREFIX}{name}"
        if key not in keys:
            raise UnknownNameError("picture key", name, keys, f"{where}.views")
        wanted[key] = settings
    views = {
        key: _read_view(key, wanted.get(key, {}), shapes[key], f"{where}.views") for key in keys
    }
    collect_cameras(views, where)
    return views


def collect_cameras(views: Mapping[str, View], where: str) -> dict[str, tuple[int, int]]:
    """Returns camera to height and width, as a policy's spec wants them.

    Raises:
        ConfigError: If two keys want one camera's picture in two sizes.
    """
    cameras: dict[str, tuple[int, int]] = {}
    for key, view in views.items():
        if cameras.setdefault(view.camera, view.size) != view.size:
            raise ConfigError(
                f"'{where}.views' wants pictures of '{view.camera}' in two sizes: "
                f"{cameras[view.camera]} and, for {key}, {view.size}. Set one size for both."
            )
    return cameras


def describe_views(views: Mapping[str, View]) -> str:
    """Returns the views in words, for digests and messages."""
    return "; ".join(
        f"{key} = {view.camera} {view.size[0]}x{view.size[1]}{' mirrored' if view.mirror else ''}"
        for key, view in views.items()
    )


def _is_empty(key: str) -> bool:
    """Returns whether a key stands for a camera that a policy was built with and never sees."""
    return key.removeprefix(PREFIX).startswith(_EMPTY_CAMERA)


def _read_view(key: str, settings: Mapping[str, object], shape: Sequence[int], where: str) -> View:
    for name in settings:
        if name not in _SETTINGS:
            raise UnknownNameError("setting of a view", name, _SETTINGS, f"{where}.{key}")
    short = key.removeprefix(PREFIX)
    camera = settings.get("camera", _KNOWN_CAMERAS.get(short))
    if not isinstance(camera, str):
        raise ConfigError(
            f"Which camera the policy's picture '{key}' means, nobody can tell. Say it: "
            f"{where}.{short}={{camera: agentview, mirror: true}}; mirror is true for policies "
            "trained on LIBERO's pictures, false for those trained on upright ones."
        )
    mirror = settings.get("mirror", True)
    if not isinstance(mirror, bool):
        raise ConfigError(f"'{where}.{short}.mirror' must be true or false. Got: {mirror!r}.")
    return View(
        camera, _read_size(settings.get("size", list(shape[1:])), f"{where}.{short}"), mirror
    )


def _read_size(size: object, where: str) -> tuple[int, int]:
    if not isinstance(size, Sequence) or len(size) != 2 or not all(_is_side(n) for n in size):
        raise ConfigError(f"'{where}.size' must be [height, width] in pixels. Got: {size!r}.")
    return int(size[0]), int(size[1])


def _is_side(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
