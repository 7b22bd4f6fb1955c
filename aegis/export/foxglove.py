"""Foxglove's well-known messages as JSON: pictures, poses and scenes, with their schemas.

Field names and meanings are those of https://docs.foxglove.dev/docs/visualization/message-schemas.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from aegis.core.types import F64

Message = dict[str, Any]
Schema = dict[str, Any]
FRAME = "world"
"""Name of the coordinate frame of all positions."""


def _describe_object(title: str, **properties: Schema) -> Schema:
    return {"title": title, "type": "object", "properties": properties}


def _describe_numbers(*names: str) -> Schema:
    return {"type": "object", "properties": {name: {"type": "number"} for name in names}}


def _describe_list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


_TEXT: Schema = {"type": "string"}
_NUMBER: Schema = {"type": "number"}
_INTEGER: Schema = {"type": "integer"}
_FLAG: Schema = {"type": "boolean"}
_TIME: Schema = {"type": "object", "properties": {"sec": _INTEGER, "nsec": _INTEGER}}
_POINT = _describe_numbers("x", "y", "z")
_COLOR = _describe_numbers("r", "g", "b", "a")
_POSE: Schema = {
    "type": "object",
    "properties": {"position": _POINT, "orientation": _describe_numbers("x", "y", "z", "w")},
}
_LINE = _describe_object(
    "foxglove.LinePrimitive",
    type=_INTEGER,
    pose=_POSE,
    thickness=_NUMBER,
    scale_invariant=_FLAG,
    points=_describe_list(_POINT),
    color=_COLOR,
    colors=_describe_list(_COLOR),
    indices=_describe_list(_INTEGER),
)
_OTHER_SHAPES = ("arrows", "cubes", "spheres", "cylinders", "triangles", "texts", "models")
"""What a scene may hold besides lines; ours has none of them."""
_ENTITY = _describe_object(
    "foxglove.SceneEntity",
    timestamp=_TIME,
    frame_id=_TEXT,
    id=_TEXT,
    lifetime=_TIME,
    frame_locked=_FLAG,
    metadata=_describe_list({"type": "object"}),
    lines=_describe_list(_LINE),
    **{name: _describe_list({"type": "object"}) for name in _OTHER_SHAPES},
)
SCHEMAS: Mapping[str, Schema] = {
    "foxglove.CompressedImage": _describe_object(
        "foxglove.CompressedImage",
        timestamp=_TIME,
        frame_id=_TEXT,
        data={"type": "string", "contentEncoding": "base64"},
        format=_TEXT,
    ),
    "foxglove.PoseInFrame": _describe_object(
        "foxglove.PoseInFrame", timestamp=_TIME, frame_id=_TEXT, pose=_POSE
    ),
    "foxglove.SceneUpdate": _describe_object(
        "foxglove.SceneUpdate",
        deletions=_describe_list({"type": "object"}),
        entities=_describe_list(_ENTITY),
    ),
}
"""Name of a message to its JSON schema."""

_LINE_STRIP = 0
_LINE_WIDTH = 3.0  # [px]
_STILL: Message = {
    "position": {"x": 0.0, "y": 0.0, "z": 0.0},
    "orientation": {"x": 0.0, "y": 0.0, "z": 0.0, "w": 1.0},
}


def make_time(stamp: int) -> Message:
    """Returns a time [ns] as seconds and nanoseconds."""
    sec, nsec = divmod(stamp, 1_000_000_000)
    return {"sec": sec, "nsec": nsec}


def make_image(stamp: int, camera: str, png: bytes) -> Message:
    """Returns a ``foxglove.CompressedImage``."""
    data = base64.b64encode(png).decode()
    return {"timestamp": make_time(stamp), "frame_id": camera, "data": data, "format": "png"}


def make_pose(stamp: int, position: F64, turn: F64) -> Message:
    """Returns a ``foxglove.PoseInFrame``.

    Args:
        stamp: Time [ns].
        position: Where [m], shape (3,).
        turn: Rotation matrix, shape (3, 3).
    """
    pose = {"position": _make_point(position), "orientation": find_quaternion(turn)}
    return {"timestamp": make_time(stamp), "frame_id": FRAME, "pose": pose}


def make_line(stamp: int, name: str, points: Sequence[F64], color: tuple[int, int, int]) -> Message:
    """Returns a ``foxglove.SceneUpdate`` with one line that stays.

    Args:
        stamp: Time [ns].
        name: Name of the line; one of the same name is replaced.
        points: Its points [m], each of shape (3,).
        color: RGB, 0 to 255.
    """
    red, green, blue = (value / 255 for value in color)
    line = {
        "type": _LINE_STRIP,
        "pose": _STILL,
        "thickness": _LINE_WIDTH,
        "scale_invariant": True,
        "points": [_make_point(point) for point in points],
        "color": {"r": red, "g": green, "b": blue, "a": 1.0},
        "colors": [],
        "indices": [],
    }
    entity = {
        "timestamp": make_time(stamp),
        "frame_id": FRAME,
        "id": name,
        "lifetime": make_time(0),
        "frame_locked": True,
        "metadata": [],
        "lines": [line],
        **{name: [] for name in _OTHER_SHAPES},
    }
    return {"deletions": [], "entities": [entity]}


def find_quaternion(turn: F64) -> Message:
    """Returns the unit quaternion of a rotation matrix.

    Args:
        turn: Rotation matrix, shape (3, 3).
    """
    # The quaternion is the eigenvector of the largest eigenvalue (Bar-Itzhack 2000), which needs
    # no case for turns of 180 degrees.
    (a, b, c), (d, e, f), (g, h, i) = turn
    symmetric = np.array(
        [
            [a - e - i, b + d, c + g, h - f],
            [b + d, e - a - i, f + h, c - g],
            [c + g, f + h, i - a - e, d - b],
            [h - f, c - g, d - b, a + e + i],
        ]
    )
    x, y, z, w = np.linalg.eigh(symmetric)[1][:, -1]
    sign = -1.0 if w < 0 else 1.0
    return dict(zip("xyzw", (float(sign * part) for part in (x, y, z, w)), strict=True))


def _make_point(point: F64) -> Message:
    return dict(zip("xyz", map(float, point), strict=True))
