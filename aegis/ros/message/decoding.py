"""Decoding: from a message to the numbers, the picture or the switch that the contract wants."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan
from typing import Any

import numpy as np

from aegis.core.errors import ContractError
from aegis.core.types import F32, U8
from aegis.ros.contract.parts import TWIST_NAMES, Operator, Picture, StatePart
from aegis.ros.message import cdr as m

_CHANNELS = {"rgb8": 3, "bgr8": 3, "rgba8": 4, "bgra8": 4, "mono8": 1}


def decode_state(raw: bytes, part: StatePart) -> F32:
    """Returns the entries of a part of the state, all finite. Shape (n,).

    Raises:
        ContractError: If one is missing or not finite; the message names it.
    """
    message = m.decode_message(raw, part.type, part.topic)
    field: str
    if part.type == m.JOINT_STATE:
        field, state = part.field, _pick_joints(message, part)
    elif part.type == m.POSE:
        field, state = "pose", _read_pose(message.pose, part.topic)
    else:
        field, state = "data", np.asarray(message.data, np.float32)
        if len(state) != len(part.names):
            raise ContractError(part.topic, field, f"{len(state)} numbers", f"{len(part.names)}")
    if not np.isfinite(state).all():
        pairs = zip(part.names, state, strict=True)
        wrong = ", ".join(f"{name} {value}" for name, value in pairs if not np.isfinite(value))
        raise ContractError(part.topic, field, wrong, "finite numbers")
    return state


def decode_picture(raw: bytes, picture: Picture, size: tuple[int, int]) -> U8:
    """Returns a picture, RGB. Shape (height, width, 3).

    Args:
        raw: The message.
        picture: Its part of the contract.
        size: Height and width that are wanted [px].

    Raises:
        ContractError: If it is of another size, or in a format that we cannot read.
    """
    message = m.decode_message(raw, picture.type, picture.topic)
    if picture.type == m.IMAGE:
        pixels = _read_pixels(message, picture.topic)
    else:
        pixels = _decompress_pixels(message.data, picture.topic)
    if pixels.shape[:2] != (picture.height, picture.width):
        given = "x".join(map(str, pixels.shape[:2]))
        raise ContractError(picture.topic, "size", given, f"{picture.height}x{picture.width}")
    return _scale_pixels(pixels, size) if picture.resize else pixels


def decode_switch(raw: bytes, topic: str) -> bool:
    """Returns the level of a switch.

    Raises:
        ContractError: If it has none.
    """
    return bool(m.decode_message(raw, m.BOOL, topic).data)


def decode_operator(raw: bytes, operator: Operator, axes: Sequence[str], idle: F32) -> F32:
    """Returns what a person commands, shape (a,); where that is NaN, a dimension does nothing.

    Args:
        raw: The message.
        operator: Its part of the contract.
        axes: Names of the dimensions of an action.
        idle: Action that does nothing, for dimensions that the person does not move. Shape (a,).

    Raises:
        ContractError: If a number is missing.
    """
    message = m.decode_message(raw, operator.type, operator.topic)
    action = np.array(idle, np.float32)
    for name, one in operator.axes.items():
        value = one.scale * _read_source(message, operator, one.source)
        if not isnan(value):
            action[axes.index(name)] = value
    return action


def _read_source(message: Any, operator: Operator, source: str | int) -> float:
    if operator.type == m.TWIST:
        assert source in TWIST_NAMES
        vector, _, direction = str(source).partition(".")
        return float(getattr(getattr(message.twist, vector), direction))
    field = "axes" if operator.type == m.JOY else "data"
    numbers = getattr(message, field)
    if not isinstance(source, int) or source >= len(numbers):
        needed = f"at least {source + 1}" if isinstance(source, int) else "numbered entries"
        raise ContractError(operator.topic, field, f"{len(numbers)} numbers", needed)
    return float(numbers[source])


def _pick_joints(message: Any, part: StatePart) -> F32:
    """Returns the joints that are named, whatever their order."""
    places = {name: i for i, name in enumerate(message.name)}
    numbers = getattr(message, part.field)
    missing = [name for name in part.names if name not in places]
    if missing:
        had = ", ".join(message.name)
        raise ContractError(part.topic, "name", f"({had})", f"{', '.join(missing)} among them")
    if len(numbers) != len(places):
        raise ContractError(
            part.topic, part.field, f"{len(numbers)} numbers", f"{len(places)}, one per joint"
        )
    return np.array([numbers[places[name]] for name in part.names], np.float32)


def _read_pose(pose: Any, topic: str) -> F32:
    """Returns position [m] and rotation vector [rad]. Shape (6,)."""
    where, turn = pose.position, pose.orientation
    vector = np.array([turn.x, turn.y, turn.z])
    length = float(np.linalg.norm(vector))
    if length == turn.w == 0:  # As an orientation that nobody filled in.
        raise ContractError(topic, "orientation", "zero", "a quaternion")
    # Of the two quaternions of a rotation, the one with the smaller angle.
    angle = 2 * np.arctan2(length, abs(turn.w)) * (1 if turn.w >= 0 else -1)
    scaled = vector * (angle / length) if length > 0 else vector
    return np.array([where.x, where.y, where.z, *scaled], np.float32)


def _read_pixels(message: Any, topic: str) -> U8:
    channels = _CHANNELS.get(message.encoding)
    if channels is None:
        raise ContractError(topic, "encoding", f"'{message.encoding}'", ", ".join(_CHANNELS))
    height, width, step = message.height, message.width, message.step
    data = np.asarray(message.data, np.uint8)
    if step < width * channels or len(data) < height * step:
        raise ContractError(
            topic, "data", f"{len(data)} bytes in rows of {step}", f"{height} rows of {width} px"
        )
    rows = data[: height * step].reshape(height, step)[:, : width * channels]
    pixels = rows.reshape(height, width, channels)
    if channels == 1:
        return np.repeat(pixels, 3, axis=2)
    order = [2, 1, 0] if message.encoding.startswith("bgr") else [0, 1, 2]
    return np.ascontiguousarray(pixels[:, :, order])


def _decompress_pixels(data: U8, topic: str) -> U8:
    import cv2  # Only robots whose cameras compress need it.

    try:
        pixels = cv2.imdecode(np.asarray(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:  # Of nothing at all, or of a picture that claims to be huge.
        pixels = None
    if pixels is None:
        raise ContractError(topic, "data", f"{len(data)} bytes that are no picture", "JPEG or PNG")
    return np.ascontiguousarray(pixels[:, :, ::-1]).astype(np.uint8)


def _scale_pixels(pixels: U8, size: tuple[int, int]) -> U8:
    if pixels.shape[:2] == size:
        return pixels
    import cv2

    height, width = size
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
