"""What a task of robosuite is to us: start states, success and truth, read off a compiled model."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import mujoco
import numpy as np

from aegis.core.types import F64


@dataclass(frozen=True, slots=True)
class Box:
    """Where a thing may start: ranges about a reference point.

    Attributes:
        x: Range along x [m].
        y: Range along y [m].
        yaw: Range of the rotation about the vertical [rad].
    """

    x: tuple[float, float]
    y: tuple[float, float]
    yaw: tuple[float, float] = (-math.pi, math.pi)

    def draw_place(self, rng: np.random.Generator) -> F64:
        """Returns x [m], y [m] and yaw [rad]. Shape (3,)."""
        x, y = rng.uniform((self.x[0], self.y[0]), (self.x[1], self.y[1]))
        return np.array([x, y, rng.uniform(*self.yaw)])


class RobosuiteTask(ABC):
    """A task, bound to its compiled model.

    Args:
        model: The model that robosuite has compiled for the task.
    """

    name: ClassVar[str]
    """robosuite's name of the task."""
    instruction: ClassVar[str]
    starts: ClassVar[Mapping[str, Box]]
    """Start family to the range that its object is drawn from."""
    reference: ClassVar[tuple[float, float]]
    """Point that the ranges are about, in world coordinates [m]."""
    object_body: ClassVar[str]
    """Body that is to be moved."""
    fixtures: ClassVar[tuple[str, ...]] = ()
    """Bodies without joints whose poses in the model are drawn for each episode."""

    def __init__(self, model: mujoco.MjModel) -> None:
        self._object = model.body(self.object_body).id
        self._hand = model.site("gripper0_grip_site").id

    @abstractmethod
    def place_objects(
        self, model: mujoco.MjModel, data: mujoco.MjData, start: str, rng: np.random.Generator
    ) -> None:
        """Draws where things start and writes it into ``qpos`` or, for fixtures, the model.

        Args:
            model: Its fixtures' poses are written.
            data: Its ``qpos`` is written; heights in it are those that robosuite starts from.
            start: Start family.
            rng: The episode's stream.
        """

    @abstractmethod
    def is_solved(self, model: mujoco.MjModel, data: mujoco.MjData) -> bool:
        """Returns what robosuite's ``_check_success`` says right after a step."""

    def read_truth(self, data: mujoco.MjData) -> dict[str, F64]:
        """Returns ``object_pos`` [m] (3,), ``object_mat`` (3, 3) and what the task adds."""
        return {
            "object_pos": data.xpos[self._object].copy(),
            "object_mat": data.xmat[self._object].reshape(3, 3).copy(),
        }

    def draw_pose(self, start: str, rng: np.random.Generator) -> F64:
        """Returns x [m], y [m] in world coordinates and yaw [rad]. Shape (3,)."""
        drawn = self.starts[start].draw_place(rng)
        drawn[:2] += self.reference
        return drawn

    def is_hand_away(self, data: mujoco.MjData) -> bool:
        """Returns whether the hand has left the object, as robosuite's reach reward measures it."""
        distance = float(np.linalg.norm(data.site_xpos[self._hand] - data.xpos[self._object]))
        return bool(1 - np.tanh(10.0 * distance) < 0.6)


def write_pose(data: mujoco.MjData, joint: str, pose: F64) -> None:
    """Writes x [m], y [m] and yaw [rad], shape (3,), of a free joint; its height stays."""
    qpos = data.joint(joint).qpos
    qpos[:2] = pose[:2]
    qpos[3:7] = quaternion_of_yaw(float(pose[2]))


def quaternion_of_yaw(yaw: float) -> F64:
    """Returns the quaternion w, x, y, z of a rotation about the vertical [rad]. Shape (4,)."""
    return np.array([math.cos(yaw / 2), 0.0, 0.0, math.sin(yaw / 2)])
