"""Twin: a task in LIBERO, stepped by robosuite, that is put into the state of our simulation."""

from __future__ import annotations

import gc
from pathlib import Path

import mujoco
import numpy as np

from aegis.core.types import F64
from envs.libero.scene import Scene
from envs.libero.scene_builder import instantiate_problem
from envs.libero.simulation import Simulation
from envs.libero.suites.task_files import find_task_files
from envs.panda import STATE_SPEC, read_integration_state

STILL_ACTION = np.array([0, 0, 0, 0, 0, 0, -1.0])


class Twin:
    """A task as LIBERO's authors wrote it.

    Args:
        scene: The task.
        assets: Folder in the layout of LIBERO's assets.
        pictures: Whether it has its renderer.
    """

    def __init__(self, scene: Scene, assets: Path, *, pictures: bool = False) -> None:
        gc.collect()  # robosuite's objects refer to each other, and their models are large
        name = find_task_files(scene.suite, assets).name_task(scene.task)
        self.problem = instantiate_problem(scene.suite, name, assets, pictures=pictures)
        self.model: mujoco.MjModel = self.problem.sim.model._model
        self.data: mujoco.MjData = self.problem.sim.data._data
        self.problem.step(STILL_ACTION)  # until then the controller uses what it read at the reset

    def load_state(self, ours: Simulation) -> None:
        """Takes over the state of physics, fixtures and controller."""
        for fixture in ours.scene.fixtures:
            self.model.body_pos[fixture.body] = ours.model.body_pos[fixture.body]
            self.model.body_quat[fixture.body] = ours.model.body_quat[fixture.body]
        mujoco.mj_setState(
            self.model, self.data, read_integration_state(ours.model, ours.data), STATE_SPEC
        )
        mujoco.mj_forward(self.model, self.data)
        goal = ours.stepper.state
        controller, gripper = self.problem.robots[0].controller, self.problem.robots[0].gripper
        controller.goal_pos, controller.goal_ori = goal[:3].copy(), goal[3:12].reshape(3, 3).copy()
        controller.initial_joint = goal[12:19].copy()
        gripper.current_action = goal[19:21].copy()

    def step(self, action: F64) -> bool:
        """Executes an action, shape (7,); returns LIBERO's success."""
        return bool(self.problem.step(action)[2])

    def close(self) -> None:
        """Frees it."""
        self.problem.close()
