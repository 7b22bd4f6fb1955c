"""PickPlaceCan: the can is to lie in its quarter of the other bin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import mujoco
import numpy as np

from aegis.core.types import F64
from envs.robosuite.tasks.task import Box, RobosuiteTask, write_pose

QUARTER = ((0.1, 0.28), (0.295, 0.525))
"""Lower and upper corner of the can's quarter of the second bin [m]: bin2_pos and half its size."""
BIN_HEIGHT, BIN_DEPTH = 0.8, 0.1
"""Height of the bins' floor and of the space above it that counts as inside [m]."""


class PickPlaceCan(RobosuiteTask):
    """See the module."""

    name = "PickPlaceCan"
    instruction = "put the can into the other bin"
    starts: ClassVar[Mapping[str, Box]] = {
        "official": Box((-0.145, 0.145), (-0.195, 0.195)),
        "wide": Box((-0.155, 0.155), (-0.205, 0.205)),
    }
    reference = (0.1, -0.25)
    object_body = "Can_main"

    def place_objects(
        self, model: mujoco.MjModel, data: mujoco.MjData, start: str, rng: np.random.Generator
    ) -> None:
        """See `RobosuiteTask.place_objects`. The other objects are 10 m away, as in robosuite."""
        write_pose(data, "Can_joint0", self.draw_pose(start, rng))

    def is_solved(self, model: mujoco.MjModel, data: mujoco.MjData) -> bool:
        """Returns whether the can is in its quarter and the hand has left it."""
        x, y, z = data.xpos[self._object]
        (x_low, y_low), (x_high, y_high) = QUARTER
        inside = x_low < x < x_high and y_low < y < y_high
        return bool(inside and BIN_HEIGHT < z < BIN_HEIGHT + BIN_DEPTH) and self.is_hand_away(data)

    def read_truth(self, data: mujoco.MjData) -> dict[str, F64]:
        """Adds ``target_pos``, the middle of the quarter on the bin's floor [m] (3,)."""
        middle = np.mean(QUARTER, axis=0)
        return {**super().read_truth(data), "target_pos": np.array([*middle, BIN_HEIGHT])}
