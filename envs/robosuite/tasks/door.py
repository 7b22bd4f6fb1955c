"""Door: the door is to be opened by 0.3 rad; its latch is turned by the handle first."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import mujoco
import numpy as np

from aegis.core.types import F64
from envs.robosuite.tasks.task import Box, RobosuiteTask, quaternion_of_yaw

OPEN_ANGLE = 0.3
"""Angle of the hinge at which the door counts as open [rad]."""


class Door(RobosuiteTask):
    """See the module."""

    name = "Door"
    instruction = "open the door"
    starts: ClassVar[Mapping[str, Box]] = {
        "official": Box((0.07, 0.09), (-0.01, 0.01), (-math.pi / 2 - 0.25, -math.pi / 2)),
        "wide": Box((0.06, 0.10), (-0.03, 0.03), (-math.pi / 2 - 0.3, -math.pi / 2 + 0.05)),
    }
    reference = (-0.2, -0.35)
    object_body = "Door_door"
    fixtures = ("Door_main",)

    def __init__(self, model: mujoco.MjModel) -> None:
        super().__init__(model)
        self._hinge = int(model.jnt_qposadr[model.joint("Door_hinge").id])
        self._handle = model.site("Door_handle").id

    def place_objects(
        self, model: mujoco.MjModel, data: mujoco.MjData, start: str, rng: np.random.Generator
    ) -> None:
        """See `RobosuiteTask.place_objects`: the door's frame is a fixture."""
        x, y, yaw = self.draw_pose(start, rng)
        frame = model.body("Door_main")
        frame.pos[:2] = x, y
        frame.quat[:] = quaternion_of_yaw(yaw)

    def is_solved(self, model: mujoco.MjModel, data: mujoco.MjData) -> bool:
        """Returns whether the hinge has turned far enough."""
        return bool(data.qpos[self._hinge] > OPEN_ANGLE)

    def read_truth(self, data: mujoco.MjData) -> dict[str, F64]:
        """Adds ``handle_pos`` [m] (3,) and ``joint_pos``, the hinge's angle [rad] (1,)."""
        return {
            **super().read_truth(data),
            "handle_pos": data.site_xpos[self._handle].copy(),
            "joint_pos": data.qpos[self._hinge : self._hinge + 1].copy(),
        }
