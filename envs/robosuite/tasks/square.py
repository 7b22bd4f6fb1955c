"""NutAssemblySquare: the square nut is to hang on the square peg."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import mujoco
import numpy as np

from aegis.core.types import F64
from envs.robosuite.tasks.task import Box, RobosuiteTask, write_pose

TABLE_HEIGHT = 0.82
"""Height of the table's top [m]."""
PEG_DISTANCE, PEG_HEIGHT = 0.03, 0.05
"""Distance from the peg's axis and height above the table below which the nut is on it [m]."""


class NutAssemblySquare(RobosuiteTask):
    """See the module."""

    name = "NutAssemblySquare"
    instruction = "put the square nut on the square peg"
    starts: ClassVar[Mapping[str, Box]] = {
        "official": Box((-0.115, -0.11), (0.11, 0.225)),
        "wide": Box((-0.15, -0.07), (0.09, 0.245)),
    }
    reference = (0.0, 0.0)
    object_body = "SquareNut_main"

    def __init__(self, model: mujoco.MjModel) -> None:
        super().__init__(model)
        self._peg = model.body("peg1").id

    def place_objects(
        self, model: mujoco.MjModel, data: mujoco.MjData, start: str, rng: np.random.Generator
    ) -> None:
        """See `RobosuiteTask.place_objects`. The round nut is 10 m away, as in robosuite."""
        write_pose(data, "SquareNut_joint0", self.draw_pose(start, rng))

    def is_solved(self, model: mujoco.MjModel, data: mujoco.MjData) -> bool:
        """Returns whether the nut is around the peg and the hand has left it."""
        nut, peg = data.xpos[self._object], data.xpos[self._peg]
        near = abs(nut[0] - peg[0]) < PEG_DISTANCE and abs(nut[1] - peg[1]) < PEG_DISTANCE
        return bool(near and nut[2] < TABLE_HEIGHT + PEG_HEIGHT) and self.is_hand_away(data)

    def read_truth(self, data: mujoco.MjData) -> dict[str, F64]:
        """Adds ``target_pos``: the peg [m] (3,)."""
        return {**super().read_truth(data), "target_pos": data.xpos[self._peg].copy()}
