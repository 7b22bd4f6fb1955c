"""View: which of our pictures a policy looks at, under which key, and which way round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aegis.core.conventions import MIRRORED, UPRIGHT, turn_pictures
from aegis.core.errors import ConfigError
from aegis.core.types import U8

_LARGEST_SIDE = 1 << 14  # [px]


@dataclass(frozen=True, slots=True)
class View:
    """A picture that a policy looks at.

    Attributes:
        camera: Our name of the camera.
        key: The policy's name of the picture.
        size: Height and width that are asked of the world [px].
        mirror: Whether the policy was trained on pictures that are mirrored left to right. Those
            that were trained on LIBERO's pictures were: robosuite's raw ones, which are upside
            down, turned by 180 degrees.

    Raises:
        ConfigError: If a size is not positive, or a name is empty.
    """

    camera: str
    key: str
    size: Sequence[int]
    mirror: bool

    def __post_init__(self) -> None:
        sizes = tuple(self.size)
        whole = all(type(side) is int and 0 < side < _LARGEST_SIDE for side in sizes)
        if len(sizes) != 2 or not whole or not self.camera or not self.key:
            raise ConfigError(
                "A view has a camera, a key, and a size of two positive numbers, height and width. "
                f"Got: {self.camera!r}, {self.key!r}, {self.size!r}."
            )
        object.__setattr__(self, "size", sizes)

    @property
    def pictures(self) -> str:
        """Convention of the pictures that the policy expects; see ``aegis.core.conventions``."""
        return MIRRORED if self.mirror else UPRIGHT

    def turn_picture(self, picture: U8) -> U8:
        """Returns our pictures the way round that the policy expects. Shape (..., h, w, 3)."""
        return turn_pictures(picture, self.pictures)
