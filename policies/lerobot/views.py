"""Views: which camera a policy's picture key means, how large, and which way round.

Which way round is never guessed. The names in our own exports say it (``agentview_upright``); for
others it has to be stated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle

from aegis.core.conventions import LIBERO_PICTURES, MIRRORED, UPRIGHT, read_picture_name
from aegis.core.errors import ConfigError, UnknownNameError
from policies.views import View

PREFIX = "observation.images."
"""How LeRobot's picture keys begin; a view may be given without it."""

EMPTY_CAMERA = "empty_camera_"
"""How keys of cameras begin that a policy was built with and never sees."""
_SETTINGS = ("camera", "size", "mirror")
_EXAMPLES = ("agentview", "wrist")
"""Cameras that a message proposes where nobody knows."""

Settings = Mapping[str, object]
"""What is given of a view: some of camera, size, mirror."""


def read_views(
    given: Mapping[str, Settings] | None,
    shapes: Mapping[str, Sequence[int]],
    where: str,
    mirror: bool | None = None,
) -> dict[str, View]:
    """Returns the view of each picture key of a policy.

    Args:
        given: Picture key, with or without ``observation.images.``, to camera, size and mirror.
            Camera and size may be left out where the key's name and the checkpoint say them.
        shapes: The policy's picture keys to the shapes of its pictures, (3, h, w).
        where: Whose they are, for messages.
        mirror: Whether pictures of which nothing else is said are mirrored; None says nothing.

    Raises:
        UnknownNameError: If a key or a setting does not exist.
        ConfigError: If nothing says which camera a key means or which way round it is, or what is
            said differs from the name; or if two keys want one camera's picture in two sizes.
    """
    keys = [key for key in shapes if not _is_empty(key)]
    wanted: dict[str, Settings] = {}
    for name, settings in (given or {}).items():
        key = name if name in keys else f"{PREFIX}{name}"
        if key not in keys:
            raise UnknownNameError("picture key", name, keys, f"{where}.views")
        wanted[key] = settings
    drafts = {
        key: _draft_view(key, wanted.get(key, {}), shapes[key], where, mirror) for key in keys
    }
    if any(one.camera is None or one.mirror is None for one in drafts.values()):
        raise ConfigError(_ask_for_views(drafts, where))
    views = {
        key: View(str(one.camera), key, one.size, bool(one.mirror)) for key, one in drafts.items()
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
        height, width = view.size
        if cameras.setdefault(view.camera, (height, width)) != (height, width):
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


@dataclass(frozen=True, slots=True)
class _Draft:
    """A view as far as it is known; None is unknown."""

    camera: str | None
    size: tuple[int, int]
    mirror: bool | None


def _is_empty(key: str) -> bool:
    """Returns whether a key stands for a camera that a policy was built with and never sees."""
    return _shorten(key).startswith(EMPTY_CAMERA)


def _shorten(key: str) -> str:
    return key.removeprefix(PREFIX)


def _draft_view(
    key: str, settings: Settings, shape: Sequence[int], where: str, default: bool | None
) -> _Draft:
    """Puts together what is given of a view and what its name says.

    Raises:
        UnknownNameError: If a setting does not exist.
        ConfigError: If a setting is not one, or differs from the name.
    """
    short = _shorten(key)
    place = f"{where}.views.{short}"
    for name in settings:
        if name not in _SETTINGS:
            raise UnknownNameError("setting of a view", name, _SETTINGS, place)
    named = read_picture_name(short)
    camera = settings.get("camera", named[0] if named else LIBERO_PICTURES.get(short))
    if not isinstance(camera, str | None):
        raise ConfigError(f"'{place}.camera' must be the name of a camera. Got: {camera!r}.")
    mirror = settings.get("mirror", default)
    if not isinstance(mirror, bool | None):
        raise ConfigError(f"'{place}.mirror' must be true or false. Got: {mirror!r}.")
    if named and named[1] in (UPRIGHT, MIRRORED):
        told = named[1] == MIRRORED
        if mirror not in (None, told):
            raise ConfigError(
                f"'{where}' was trained on pictures named '{short}', which are "
                f"{'mirrored' if told else 'upright'}, and is told mirror={_format(mirror)}. "
                "Leave mirror out: the name says it."
            )
        mirror = told
    return _Draft(camera, _read_size(settings.get("size", list(shape[1:])), place), mirror)


def _ask_for_views(drafts: Mapping[str, _Draft], where: str) -> str:
    """Returns a message that asks for what is unknown, in words that can be typed as they are."""
    unknown = [key for key, one in drafts.items() if one.camera is None]
    meaning = (
        "true for pictures that are mirrored left to right, as in LIBERO's data sets; false for "
        "upright ones"
    )
    if not unknown:
        silent = ", ".join(f"'{key}'" for key, one in drafts.items() if one.mirror is None)
        return (
            f"Nothing says which way round the pictures {silent} were that '{where}' was trained "
            f"on. Say it: {where}.mirror=true or {where}.mirror=false ({meaning})."
        )
    examples = cycle(_EXAMPLES)
    views = ", ".join(
        f"{_shorten(key)}: {{camera: {one.camera or next(examples)}, size: {list(one.size)}, "
        f"mirror: {_format(one.mirror is not False)}}}"
        for key, one in drafts.items()
    )
    silent = ", ".join(f"'{key}'" for key in unknown)
    return (
        f"Which cameras the pictures {silent} of '{where}' mean, nobody can tell. Say it, for "
        f"example '{where}.views={{{views}}}'; mirror is {meaning}."
    )


def _format(value: object) -> str:
    return str(value).lower()


def _read_size(size: object, where: str) -> tuple[int, int]:
    if not isinstance(size, Sequence) or len(size) != 2 or not all(_is_side(n) for n in size):
        raise ConfigError(f"'{where}.size' must be [height, width] in pixels. Got: {size!r}.")
    return int(size[0]), int(size[1])


def _is_side(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
