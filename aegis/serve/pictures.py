"""Pictures: how a client's picture becomes the one that a policy looks at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from aegis.core.conventions import MIRRORED, turn_pictures
from aegis.core.errors import MessageError
from aegis.core.protocols import PolicySpec
from aegis.core.types import F64, U8

MOST_PIXELS = 1 << 22
"""Of a picture that is resized: no camera of a robot has more."""


@dataclass(frozen=True, slots=True)
class PictureForm:
    """How a client sends the pictures of a camera.

    Attributes:
        size: Height and width in which policies look at it; None where that is not known yet.
        mirror: Whether they come mirrored left-right. LIBERO's users turn robosuite's raw picture
            by 180 degrees, which is our upright one, mirrored.
        resize: Whether other sizes of the same aspect are taken.
    """

    size: tuple[int, int] | None
    mirror: bool
    resize: bool

    def check_size(self, h: int, w: int, key: str) -> None:
        """Refuses a size that no policy can look at, before any work is done for it.

        Args:
            h: Height.
            w: Width.
            key: Key of the picture, for the message.

        Raises:
            MessageError: If it is too large, or has another size and is not to be resized, or
                another aspect.
        """
        if h * w > MOST_PIXELS:
            raise MessageError(key, f"{h} by {w}", f"at most {MOST_PIXELS} pixels")
        if self.size is None or (h, w) == self.size:
            return
        height, width = self.size
        if not self.resize:
            allowed = f"({height}, {width}, 3), or any size if the server says resize=true"
            raise MessageError(key, f"of shape ({h}, {w}, 3)", allowed)
        if h * width != w * height:
            allowed = f"{height} by {width} or another size of that aspect; crop or pad it"
            raise MessageError(key, f"{h} by {w}", allowed)


def find_largest_sizes(specs: Iterable[PolicySpec]) -> dict[str, tuple[int, int]]:
    """Returns camera to the largest height and the largest width in which a policy looks at it."""
    largest: dict[str, tuple[int, int]] = {}
    for spec in specs:
        for camera, (height, width) in spec.cameras.items():
            high, wide = largest.get(camera, (0, 0))
            largest[camera] = (max(high, int(height)), max(wide, int(width)))
    return largest


def read_picture(value: object, key: str, form: PictureForm) -> U8:
    """Returns a client's picture the way round that our policies see it. Shape (h, w, 3).

    Args:
        value: What the client sent.
        key: Its key, for the message.
        form: How clients send it.

    Raises:
        MessageError: If it is no picture, or of a size that is not taken.
    """
    if not isinstance(value, np.ndarray):
        given = "missing" if value is None else f"a {type(value).__name__}"
        raise MessageError(key, given, "a picture: uint8 of shape (h, w, 3)")
    if value.dtype != np.uint8 or value.ndim != 3 or value.shape[2] != 3 or not value.size:
        raise MessageError(key, f"{value.dtype} of shape {value.shape}", "uint8 of shape (h, w, 3)")
    form.check_size(value.shape[0], value.shape[1], key)
    if not form.mirror:
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
    h, w = picture.shape[:2]
    if (h, w) == size:
        return picture
    PictureForm(size, False, resize).check_size(h, w, key)
    return resize_picture(picture, *size)


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
