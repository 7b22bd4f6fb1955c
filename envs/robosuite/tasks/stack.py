"""Stack: the red cube is to stand on the green one, let go of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import mujoco
import numpy as np

from aegis.core.errors import StartStateError
from aegis.core.types import F64
from envs.robosuite.tasks.lift import LIFT_HEIGHT, TABLE_HEIGHT
from envs.robosuite.tasks.task import Box, RobosuiteTask, write_pose

MIN_DISTANCE = 0.0637
"""Distance of the cubes' middles at the start: half their diagonals, as robosuite has it [m]."""
MAX_ATTEMPTS = 1000
"""Draws of the second cube; four of five suffice."""


class Stack(RobosuiteTask):
    """See the module."""

    name = "Stack"
    instruction = "stack the red cube on the green cube"
    starts: ClassVar[Mapping[str, Box]] = {
        "official": Box((-0.08, 0.08), (-0.08, 0.08)),
        "wide": Box((-0.10, 0.10), (-0.14, 0.14)),
    }
    reference = (0.0, 0.0)
    object_body = "cubeA_main"

    def __init__(self, model: mujoco.MjModel) -> None:
        super().__init__(model)
        self._target = model.body("cubeB_main").id
        self._cube, self._base = model.geom("cubeA_g0").id, model.geom("cubeB_g0").id
        self._pads = tuple(
            model.geom(f"gripper0_finger{finger}_pad_collision").id for finger in (1, 2)
        )

    def place_objects(
        self, model: mujoco.MjModel, data: mujoco.MjData, start: str, rng: np.random.Generator
    ) -> None:
        """See `RobosuiteTask.place_objects`.

        Raises:
            StartStateError: If the cubes overlap in every draw.
        """
        first = self.draw_pose(start, rng)
        for _ in range(MAX_ATTEMPTS):
            second = self.draw_pose(start, rng)
            if np.hypot(*(first - second)[:2]) > MIN_DISTANCE:
                write_pose(data, "cubeA_joint0", first)
                write_pose(data, "cubeB_joint0", second)
                return
        raise StartStateError(f"The cubes of Stack overlap in each of {MAX_ATTEMPTS} draws.")

    def is_solved(self, model: mujoco.MjModel, data: mujoco.MjData) -> bool:
        """Returns whether the cube is up, touches the other and is not between both fingers."""
        if data.xpos[self._object][2] <= TABLE_HEIGHT + LIFT_HEIGHT:
            return False
        pairs = {frozenset(pair) for pair in data.contact.geom.tolist()}
        held = all(frozenset((self._cube, pad)) in pairs for pad in self._pads)
        return frozenset((self._cube, self._base)) in pairs and not held

    def read_truth(self, data: mujoco.MjData) -> dict[str, F64]:
        """Adds ``target_pos`` [m] (3,) and ``target_mat`` (3, 3) of the green cube."""
        return {
            **super().read_truth(data),
            "target_pos": data.xpos[self._target].copy(),
            "target_mat": data.xmat[self._target].reshape(3, 3).copy(),
        }
