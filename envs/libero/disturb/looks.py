"""Looks: cameras, lights and colours of one episode, in place only while pictures are drawn.

All is drawn from the episode's address, so that arms, forks and repetitions see the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import mujoco
import numpy as np
from scipy.spatial.transform import Rotation

from aegis.core.seeds import episode_stream
from aegis.core.types import F64, EpisodeKey

CAMERA_SHIFT = 0.008
"""Standard deviation of a camera's place, for each level and direction [m]."""
CAMERA_TURN = 0.012
"""The same of its orientation [rad]."""
VIEW_CHANGE = 0.01
"""The same of its field of view, as a share."""
LIGHT_DIMMING = 0.16
"""Most that a light loses or gains, for each level, as a share."""
LIGHT_SHIFT = 0.15
"""Standard deviation of a light's place, for each level and direction [m]."""
COLOUR_CHANGE = 0.08
"""Most that each of red, green and blue of a material loses, for each level, as a share."""


@dataclass(frozen=True, slots=True, eq=False)
class Looks:
    """What is drawn otherwise in an episode.

    Attributes:
        camera_shift: In the frame of each camera [m]. Shape (cameras, 3).
        camera_turn: Rotation vectors in the same frames [rad]. Shape (cameras, 3).
        view: Factors of the fields of view. Shape (cameras,).
        light_shift: In the world's frame [m]. Shape (lights, 3).
        brightness: Factors of the lights. Shape (lights,).
        colour: Factors of the materials' red, green and blue. Shape (materials, 3).
    """

    camera_shift: F64
    camera_turn: F64
    view: F64
    light_shift: F64
    brightness: F64
    colour: F64

    @contextmanager
    def in_place(self, model: mujoco.MjModel, data: mujoco.MjData) -> Iterator[None]:
        """Draws otherwise for the while; then model and state are as they were, bit for bit."""
        arrays = (
            data.cam_xpos,
            data.cam_xmat,
            model.cam_fovy,
            data.light_xpos,
            model.light_diffuse,
            model.vis.headlight.diffuse,
            model.mat_rgba,
        )
        saved = [array.copy() for array in arrays]
        try:
            frames = data.cam_xmat.reshape(-1, 3, 3)
            data.cam_xpos += np.einsum("nij,nj->ni", frames, self.camera_shift)
            turned = frames @ Rotation.from_rotvec(self.camera_turn).as_matrix()
            data.cam_xmat[:] = turned.reshape(-1, 9)
            model.cam_fovy *= self.view
            data.light_xpos += self.light_shift
            model.light_diffuse *= self.brightness[:, None]
            # MuJoCo's own light at the camera is the brightest of all.
            model.vis.headlight.diffuse *= self.brightness.mean() if len(self.brightness) else 1.0
            model.mat_rgba[:, :3] *= self.colour
            yield
        finally:
            for array, before in zip(arrays, saved, strict=True):
                array[:] = before


def draw_looks(model: mujoco.MjModel, key: EpisodeKey, levels: Mapping[str, int]) -> Looks:
    """Draws an episode's looks.

    Args:
        model: The model: how many cameras, lights and materials there are.
        key: The episode's address.
        levels: Axis to level; what is missing stays as it is.
    """
    camera, light, colour = (levels.get(axis, 0) for axis in ("camera", "light", "colour"))
    rng = episode_stream(key, "disturb", "camera")
    shift, turn = rng.standard_normal((2, model.ncam, 3))
    view = 1 + VIEW_CHANGE * camera * rng.standard_normal(model.ncam)
    rng = episode_stream(key, "disturb", "light")
    brightness = 1 + LIGHT_DIMMING * light * rng.uniform(-1, 1, model.nlight)
    light_shift = LIGHT_SHIFT * light * rng.standard_normal((model.nlight, 3))
    rng = episode_stream(key, "disturb", "colour")
    faded = 1 - COLOUR_CHANGE * colour * rng.uniform(0, 1, (model.nmat, 3))
    return Looks(
        CAMERA_SHIFT * camera * shift,
        CAMERA_TURN * camera * turn,
        view,
        light_shift,
        brightness,
        faded,
    )
