"""Pictures: how a client's picture becomes the one that a policy looks at."""

from __future__ import annotations

import numpy as np

from aegis.core.conventions import MIRRORED, turn_pictures
from aegis.core.errors import MessageError
from aegis.core.types import F64, U8

_MOST_PIXELS = 1 << 24


def read_picture(value: object, key: str, mirror: bool) -> U8:
    """Returns a client's picture the way round that our policies see it. Shape (h, w, 3).

    Args:
        value: What the client sent.
        key: Its key, for the message.
        mirror: Whether clients send pictures mirrored left-right. LIBERO's users turn robosuite's
            raw picture by 180 degrees, which is our upright one, mirrored.

    Raises:
        MessageError: If it is no picture.
    """
    if not isinstance(value, np.ndarray):
        given = "missing" if value is None else f"a {type(value).__name__}"
        raise MessageError(key, given, "a picture: uint8 of shape (h, w, 3)")
    if value.dtype != np.uint8 or value.ndim != 3 or value.shape[2] != 3 or not value.size:
        raise MessageError(key, f"{value.dtype} of shape {value.shape}", "uint8 of shape (h, w, 3)")
    if value.size > 3 * _MOST_PIXELS:
        raise MessageError(key, f"of shape {value.shape}", f"at most {_MOST_PIXELS} pixels")
    if not mirror:
        return value
    turned = turn_pictures(value, MIRRORED)
    turned.setflags(write=False)  # Nobody else has it; an observation need not copy it.
    return turned


def fit_picture(picture: U8, size: tuple[int, int], key: str, resize: bool) -> U8:
    """Returns a picture in the size that a policy looks at. Shape (height, width, 3).

    Args:
        picture: Shape (h, w, 3).
        size: Height and width.
        key: Its key, for the message.
        resize: Whether pictures of other sizes are taken.

    Raises:
        MessageError: If it has another size and is not to be resized, or another aspect.
    """
    (h, w), (height, width) = picture.shape[:2], size
    if (h, w) == (height, width):
        return picture
    if not resize:
        allowed = f"({height}, {width}, 3), or any size if the server says resize=true"
        raise MessageError(key, f"of shape {picture.shape}", allowed)
    if h * width != w * height:
        allowed = f"{height} by {width} or another size of that aspect; crop or pad it"
        raise MessageError(key, f"{h} by {w}", allowed)
    return resize_picture(picture, height, width)


def resize_picture(picture: U8, height: int, width: int) -> U8:
    """Returns a picture whose pixels are means over the area that they cover.

    Args:
        picture: Shape (h, w, 3).
        height: Rows of the result.
        width: Columns of the result.

    Returns:
        Shape (height, width, 3).
    """
    rows = _share_areas(picture.shape[0], height)
    columns = _share_areas(picture.shape[1], width)
    flat = rows @ picture.reshape(picture.shape[0], -1).astype(np.float64)
    turned = flat.reshape(height, picture.shape[1], 3).transpose(1, 0, 2)
    mean = columns @ turned.reshape(picture.shape[1], -1)
    return np.rint(mean.reshape(width, height, 3).transpose(1, 0, 2)).clip(0, 255).astype(np.uint8)


def _share_areas(source: int, target: int) -> F64:
    """Returns the share of each source cell in each target cell. Shape (target, source)."""
    edges = np.arange(target + 1) * (source / target)
    cells = np.arange(source)
    low = np.maximum(edges[:-1, None], cells[None])
    high = np.minimum(edges[1:, None], cells[None] + 1)
    shares: F64 = np.maximum(high - low, 0.0) * (target / source)
    return shares
