"""View: which of our pictures a server looks at, under which key, and which way round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aegis.core.errors import ConfigError
from aegis.core.types import U8


@dataclass(frozen=True, slots=True)
class View:
    """A picture that a server looks at.

    Attributes:
        camera: Our name of the camera.
        key: Key of the picture in a request.
        size: Height and width.
        mirror: Whether the server expects it mirrored left-right. Policies that were trained on
            LIBERO's pictures do: those are robosuite's raw ones, turned by 180 degrees.

    Raises:
        ConfigError: If a size is not positive, or a name is empty.
    """

    camera: str
    key: str
    size: Sequence[int]
    mirror: bool

    def __post_init__(self) -> None:
        sizes = tuple(self.size)
        whole = all(type(side) is int and 0 < side < 1 << 14 for side in sizes)
        if len(sizes) != 2 or not whole or not self.camera or not self.key:
            raise ConfigError(
                "A view has a camera, a key, and a size of two positive numbers, height and width. "
                f"Got: {self.camera!r}, {self.key!r}, {self.size!r}."
            )
        object.__setattr__(self, "size", sizes)

    def turn_picture(self, picture: U8) -> U8:
        """Returns our picture the way round that the server expects it. Shape (h, w, 3)."""
        if not self.mirror:
            return picture
        return picture.take(np.arange(picture.shape[1])[::-1], axis=1)  # half the time of a copy
