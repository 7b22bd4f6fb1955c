"""Views: renders each requested camera once and serves every policy from it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from aegis.core.protocols import World
from aegis.core.types import U8, Observation

Cameras = Mapping[str, tuple[int, int]]
"""Camera name to (height, width) [px]."""


class Views:
    """What the world looks like at one tick.

    Args:
        world: World to look at.
        wanted: Cameras of each policy that is asked.
    """

    def __init__(self, world: World, wanted: Iterable[Cameras]) -> None:
        self._pictures: dict[tuple[str, tuple[int, int]], U8] = {}
        pending = {(name, size): None for cameras in wanted for name, size in cameras.items()}
        self._obs = self._observe_world(world, pending)
        while pending:  # a world draws a camera at one size at a time
            self._observe_world(world, pending)

    def select_view(self, cameras: Cameras) -> Observation:
        """Returns the observation with just these pictures, however many others looked."""
        rendered = self._pictures
        if not rendered:
            return self._obs
        images = {
            name: rendered[name, size] for name, size in cameras.items() if (name, size) in rendered
        }
        return replace(self._obs, images=images)

    def _observe_world(
        self, world: World, pending: dict[tuple[str, tuple[int, int]], None]
    ) -> Observation:
        now = dict(reversed(pending))  # the first one's size wins
        obs = world.observe(now)
        for name, size in now.items():
            del pending[name, size]
            if name in obs.images:  # what a world leaves out, the policy will miss by name
                self._pictures[name, size] = obs.images[name]
        return obs


def hash_pictures(images: Mapping[str, U8]) -> str:
    """Returns a hash of pictures by camera name; empty without pictures.

    Args:
        images: Pictures, each of shape (height, width, 3).
    """
    if not images:
        return ""
    whole = hashlib.blake2b(digest_size=8)
    for name, picture in sorted(images.items()):
        whole.update(f"{name}{picture.shape}".encode())
        whole.update(np.ascontiguousarray(picture).tobytes())
    return whole.hexdigest()


def merge_cameras(wanted: Iterable[Cameras]) -> dict[str, tuple[int, int]]:
    """Returns the cameras of several lookers; where sizes differ, the first one's."""
    cameras: dict[str, tuple[int, int]] = {}
    for each in wanted:
        for name, size in each.items():
            cameras.setdefault(name, size)
    return cameras
