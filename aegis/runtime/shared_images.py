"""Shared images: pictures in memory that two processes share, and observations that point there.

The buffer is handed out from the front and taken back as a whole; or in parts, one for each that
asks, taken back when that one asks again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from aegis.core.errors import MachineError
from aegis.core.types import F32, F64, U8, Nanos, Observation


@dataclass(frozen=True, slots=True)
class ImageLocation:
    """Where a picture lies: first byte and shape."""

    offset: int
    shape: tuple[int, ...]


class SharedImages:
    """A shared buffer for pictures.

    Args:
        buffer: Shared bytes, as ``multiprocessing.RawArray`` or ``SharedBytes`` give them.
    """

    def __init__(self, buffer: Any) -> None:
        self._bytes: U8 = np.frombuffer(buffer, np.uint8)
        self._stored: dict[int, tuple[U8, ImageLocation]] = {}
        self._used, self._end = 0, len(self._bytes)

    @property
    def size(self) -> int:
        """Size of the buffer [bytes]."""
        return len(self._bytes)

    def store_image(self, picture: U8) -> ImageLocation:
        """Copies a picture, shape (h, w, 3), into the buffer; one array takes one place.

        Raises:
            MachineError: If the buffer is full; that is a fault of ours.
        """
        if id(picture) in self._stored:
            return self._stored[id(picture)][1]
        start, end = self._used, self._used + picture.size
        if end > self._end:
            raise MachineError(
                f"The shared buffer for pictures ends at byte {self._end}; {end} are needed. A "
                "policy changed the cameras in its spec after the run began."
            )
        self._bytes[start:end] = picture.ravel()
        location = ImageLocation(start, picture.shape)
        # The array is kept, so that its id goes to no other array while the part holds it.
        self._stored[id(picture)], self._used = (picture, location), end
        return location

    def read_image(self, location: ImageLocation) -> U8:
        """Returns a picture, shape (h, w, 3); valid until its part is opened anew."""
        size = int(np.prod(location.shape))
        return self._bytes[location.offset : location.offset + size].reshape(location.shape)

    def clear(self) -> None:
        """Takes back all space."""
        self.open_part(0, 1)

    def open_part(self, number: int, count: int) -> None:
        """Goes on in one of several equal parts, and takes back its space.

        Args:
            number: The part, from 0.
            count: How many parts there are.
        """
        size = self.size // count
        self._stored.clear()
        self._used, self._end = number * size, (number + 1) * size


@dataclass(frozen=True, slots=True, eq=False)
class PackedObservation:
    """An observation in types that pickle; its pictures lie in the shared buffer."""

    stamp: Nanos
    proprio: F32
    images: dict[str, ImageLocation]
    instruction: str
    privileged: dict[str, F64]


def pack_observation(obs: Observation, privileged: bool, buffer: SharedImages) -> PackedObservation:
    """Packs an observation; simulator truth travels to the policies that may see it only."""
    truth = dict(obs.privileged) if privileged else {}
    images = {name: buffer.store_image(picture) for name, picture in obs.images.items()}
    return PackedObservation(obs.stamp, obs.proprio, images, obs.instruction, truth)


def unpack_observation(packed: PackedObservation, buffer: SharedImages) -> Observation:
    """Unpacks an observation; its pictures are valid until whoever packed it asks again."""
    images = {name: buffer.read_image(location) for name, location in packed.images.items()}
    return Observation(packed.stamp, packed.proprio, images, packed.instruction, packed.privileged)
