"""Lift: a cube, whose size robosuite draws as it builds the scene, is to be lifted by 4 cm."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import mujoco
import numpy as np

from envs.robosuite.tasks.task import Box, RobosuiteTask, write_pose

TABLE_HEIGHT = 0.8
"""Height of the table's top [m]."""
LIFT_HEIGHT = 0.04
"""Height of the cube's middle above the table at which it counts as lifted [m]."""


class Lift(RobosuiteTask):
    """See the module."""

    name = "Lift"
    instruction = "lift the red cube"
    starts: ClassVar[Mapping[str, Box]] = {
        "official": Box((-0.03, 0.03), (-0.03, 0.03)),
        "wide": Box((-0.08, 0.08), (-0.08, 0.08)),
    }
    reference = (0.0, 0.0)
    object_body = "cube_main"

    def place_objects(
        self, model: mujoco.MjModel, data: mujoco.MjData, start: str, rng: np.random.Generator
    ) -> None:
        """See `RobosuiteTask.place_objects`."""
        write_pose(data, "cube_joint0", self.draw_pose(start, rng))

    def is_solved(self, model: mujoco.MjModel, data: mujoco.MjData) -> bool:
        """Returns whether the cube is 4 cm above the table."""
        return bool(data.xpos[self._object][2] > TABLE_HEIGHT + LIFT_HEIGHT)
