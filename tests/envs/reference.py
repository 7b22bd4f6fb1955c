"""LIBERO as its authors wrote it, stepped by robosuite, and our simulation in the same state."""

import copy
import dataclasses
import gc
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import pytest

from aegis.core.types import EpisodeKey, Observation
from envs.assets.resolver import resolve_assets
from envs.libero.exact_stepper import Stepper
from envs.libero.goals.checker import GoalChecker
from envs.libero.scene import Scene
from envs.libero.scene_builder import instantiate_problem, instantiate_problem_file
from envs.libero.scene_loader import load_scene
from envs.libero.scene_reader import read_scene_meta
from envs.libero.starts.families import draw_start
from envs.libero.suites.task_files import find_task_files
from envs.libero.truth import TruthReader
from envs.panda import STATE_SPEC, HandReader, read_integration_state, refresh_kinematics

SUITE = "libero_spatial"
FEW = (0, 4)
TASKS = [t if t in FEW else pytest.param(t, marks=pytest.mark.slow) for t in range(10)]
"""For parametrisation: two tasks by default (4 is in the drawer), all of them in the slow run."""


class Reference:
    """A task in LIBERO (``problem``) and in our scene (``model``, ``data``, ``stepper``)."""

    def __init__(self, task: int, assets: str, suite: str = SUITE) -> None:
        gc.collect()  # robosuite's objects refer to each other, and their models are large
        found = resolve_assets(assets, suite)
        scene = load_scene(suite, task, found.path, found.digest)
        files = find_task_files(suite, found.path)
        self._attach(scene, instantiate_problem(suite, files.name_task(task), found.path))

    @classmethod
    def from_file(cls, bddl: Path) -> "Reference":
        """A task of a file that has the things of Spatial's first task, with builtin assets."""
        made = cls.__new__(cls)
        found = resolve_assets("builtin")
        first = load_scene(SUITE, 0, found.path, found.digest)
        problem = instantiate_problem_file(bddl, found.path)
        meta = read_scene_meta(problem, first.model, "made")
        fields = {field.name: getattr(meta, field.name) for field in dataclasses.fields(meta)}
        made._attach(dataclasses.replace(first, suite="made", rests={}, **fields), problem)
        return made

    def _attach(self, scene: Scene, problem: Any) -> None:
        self.scene, self.problem = scene, problem
        self.theirs_model = self.problem.sim.model._model
        self.theirs = self.problem.sim.data._data
        self.model = copy.copy(self.scene.model)
        self.data = mujoco.MjData(self.model)
        self.stepper = Stepper(self.model, self.data)
        self.goal = GoalChecker(self.scene)
        self.truth = TruthReader(self.scene)
        self.hand = HandReader(self.model)

    def begin(self, index: int) -> None:
        """Puts both into an official start, three steps on: both controllers have then run."""
        start = draw_start(
            self.scene, EpisodeKey(0, self.scene.suite, self.scene.task, "official", index), 0
        )
        for model, data in ((self.theirs_model, self.theirs), (self.model, self.data)):
            for body, pose in start.body_pos.items():
                model.body_pos[body] = pose
                model.body_quat[body] = start.body_quat[body]
            mujoco.mj_resetData(model, data)
            data.qpos[:], data.qvel[:] = start.qpos, start.qvel
            mujoco.mj_forward(model, data)
        still = np.array([0, 0, 0, 0, 0, 0, -1.0])
        for _ in range(3):
            self.problem.step(still)
        controller, gripper = self.problem.robots[0].controller, self.problem.robots[0].gripper
        mujoco.mj_setState(
            self.model,
            self.data,
            read_integration_state(self.theirs_model, self.theirs),
            STATE_SPEC,
        )
        self.stepper.state = np.concatenate(
            (
                controller.goal_pos,
                np.ravel(controller.goal_ori),
                controller.initial_joint,
                gripper.current_action,
            )
        )
        refresh_kinematics(self.model, self.data)
        self.truth.remember_start(self.data)

    def observe(self) -> Observation:
        refresh_kinematics(self.model, self.data)
        met = self.goal.check_terms(self.data)
        return Observation(
            0, self.hand.read_proprio(self.data), {}, "", self.truth.read_truth(self.data, met)
        )

    def step(self, action: np.ndarray) -> bool:
        """Steps both; returns whether their physical states are equal bit for bit."""
        self.problem.step(action)
        self.stepper.step(action.copy())
        return np.array_equal(
            read_integration_state(self.theirs_model, self.theirs),
            read_integration_state(self.model, self.data),
        )

    def close(self) -> None:
        self.problem.close()

    def check_their_terms(self) -> tuple[bool, ...]:
        """What LIBERO says of each term in its own state."""
        problem = self.problem
        return tuple(
            bool(problem._eval_predicate(term)) for term in problem.parsed_problem["goal_state"]
        )

    def show(self) -> None:
        """Gives LIBERO our state to look at."""
        state = read_integration_state(self.model, self.data)
        mujoco.mj_setState(self.theirs_model, self.theirs, state, STATE_SPEC)
        mujoco.mj_forward(self.theirs_model, self.theirs)
