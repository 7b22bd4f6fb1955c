"""One robosuite task as a world: the same arm, built, stepped and judged by robosuite itself."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import mujoco
import numpy as np

from aegis.core.errors import StartStateError, UnknownNameError
from aegis.core.seeds import episode_stream
from aegis.core.types import F64, EpisodeKey, Observation
from envs.camera import render_pictures
from envs.contained import contain_side_effects
from envs.panda import (
    PERIOD_NS,
    STATE_SPEC,
    HandReader,
    read_integration_state,
    refresh_kinematics,
    split_snapshot,
)
from envs.panda_world import PandaWorld
from envs.robosuite_import import import_quietly

SUITE = "robosuite"
TASKS = {"Lift": "lift the red cube"}
"""Supported tasks and their instructions."""
JITTER = {"official": 0.03, "wide": 0.08}
"""Start family to largest offset of the cube from the middle of the table on each axis [m].

3 cm is robosuite's own range. The cube's rotation about the vertical is any.
"""
DROP_HEIGHT = 0.01
"""Height from which the cube settles [m]."""
SETTLE_STEPS = 10
"""Control steps of doing nothing before tick 0."""


class RobosuiteWorld(PandaWorld["LiftSimulation"]):
    """A single-arm task of robosuite 1.4 with the Panda under OSC_POSE at 20 Hz.

    Args:
        suite: ``"robosuite"``; part of every episode's address.
        task: ``"Lift"``. It is task 0 of its suite.
        horizon: Longest episode [control steps].

    Raises:
        UnknownNameError: If the suite or task is not supported.
        ConfigError: If the horizon is less than one.
    """

    def __init__(self, suite: str, task: str, horizon: int) -> None:
        if suite != SUITE:
            raise UnknownNameError("suite", suite, [SUITE], "env.suite")
        if task not in TASKS:
            raise UnknownNameError("task", task, TASKS, "env.task")
        super().__init__(suite, horizon)
        self._task = task

    def begin(self, key: EpisodeKey) -> None:
        """Puts arm and cube into the episode's start state and lets them settle.

        Raises:
            ConfigError: If the episode is of another suite.
            UnknownNameError: If the task or start family does not exist.
            StartStateError: If the index is negative.
        """
        self._check_suite(key)
        if key.start not in JITTER:
            raise UnknownNameError("start family", key.start, JITTER, f"suite {SUITE}")
        if key.index < 0:
            raise StartStateError(f"Start states go from 0 up. Got: {key.index}.")
        sim = self._get_simulation(key.task)
        self._key = None  # should it fail, there is no episode
        rng = episode_stream(key, "start")
        offset = rng.uniform(-JITTER[key.start], JITTER[key.start], size=2)
        sim.begin(offset, rng.uniform(-np.pi, np.pi))
        self._sim, self._key, self._k = sim, key, 0

    def observe(self, cameras: Mapping[str, tuple[int, int]]) -> Observation:
        """Senses the current state; see `aegis.core.protocols.World`."""
        sim = self._require_simulation()
        name = f"{SUITE}/{self._task}"
        return Observation(
            stamp=self._k * PERIOD_NS,
            proprio=sim.hand.read_proprio(sim.data),
            images=render_pictures(sim.model, sim.data, cameras, digest=name) if cameras else {},
            instruction=TASKS[self._task],
            privileged=sim.read_truth(),
        )

    def close(self) -> None:
        """Frees the simulation."""
        if self._sim is not None:
            self._sim.close()
        super().close()

    def list_tasks(self) -> Sequence[int]:
        """Returns the number of its one task."""
        return (0,)

    def list_starts(self) -> Sequence[str]:
        """Returns the families of start states."""
        return tuple(JITTER)

    def count_starts(self, start: str) -> int | None:
        """Returns None: the families have no end.

        Raises:
            UnknownNameError: If there is no such family.
        """
        if start not in JITTER:
            raise UnknownNameError("start family", start, JITTER, f"suite {SUITE}")
        return None

    def _get_simulation(self, task: int) -> LiftSimulation:
        if task != 0:
            raise UnknownNameError("task", task, [0], f"suite {SUITE}")
        return LiftSimulation(self._task) if self._sim is None else self._sim


class LiftSimulation:
    """robosuite's environment and the views into it.

    Args:
        task: robosuite's name of the task.

    Attributes:
        model: The compiled model.
        data: MuJoCo's state.
        hand: Reads the arm.
        name: What its snapshots belong to: task, physics, MuJoCo.
    """

    def __init__(self, task: str) -> None:
        self._env = _make_env(task)
        self.model: mujoco.MjModel = self._env.sim.model._model
        self.data: mujoco.MjData = self._env.sim.data._data
        self.hand = HandReader(self.model)
        self._cube = self.model.body(self._env.cube.root_body).id
        self._start = np.zeros(3)
        self._lagging: dict[str, F64] = {}
        buffer = np.empty(mujoco.mj_sizeModel(self.model), np.uint8)
        mujoco.mj_saveModel(self.model, None, buffer)
        digest = hashlib.blake2b(buffer.tobytes(), digest_size=8).hexdigest()
        self.name = f"{SUITE}/{task} {digest} mujoco-{mujoco.__version__} v1"

    def begin(self, offset: F64, yaw: float) -> None:
        """Puts the arm into its rest and the cube onto the table, and lets both settle.

        Args:
            offset: From the middle of the table along x and y [m]. Shape (2,).
            yaw: Rotation of the cube about the vertical [rad].
        """
        with contain_side_effects():
            self._env.reset()
        gripper = self._env.robots[0].gripper  # Its ramp survives robosuite's reset.
        gripper.current_action = np.zeros_like(gripper.current_action)
        x, y, table = self._env.table_offset
        height = table - self._env.cube.bottom_offset[2] + DROP_HEIGHT
        pose = [x + offset[0], y + offset[1], height, np.cos(yaw / 2), 0.0, 0.0, np.sin(yaw / 2)]
        self._env.sim.data.set_joint_qpos(self._env.cube.joints[0], np.array(pose))
        mujoco.mj_forward(self.model, self.data)
        still = np.array([0, 0, 0, 0, 0, 0, -1.0])
        for _ in range(SETTLE_STEPS):
            self.step(still)
        self._start = self.data.xpos[self._cube].copy()

    def step(self, action: F64) -> bool:
        """Executes an action, shape (7,), for 50 ms; returns whether the cube is lifted."""
        self._lagging = {}
        self._env.step(action)
        refresh_kinematics(self.model, self.data)
        return bool(self._env._check_success())

    def read_truth(self) -> dict[str, F64]:
        """Returns simulator truth by name.

        ``object_pos`` [m] (3,), ``object_start``: where the cube lay at tick 0 [m] (3,),
        ``object_mat`` (3, 3), and the hand's, see `envs.panda.HandReader.read_truth`.
        """
        return {
            "object_pos": self.data.xpos[self._cube].copy(),
            "object_start": self._start,
            "object_mat": self.data.xmat[self._cube].reshape(3, 3).copy(),
            **self.hand.read_truth(self.data),
            **self._lagging,
        }

    def snapshot(self) -> F64:
        """Returns the state and what observations need besides. Shape (n,)."""
        return np.concatenate((self.read_state(), self._start, self.read_truth()["ee_vel"]))

    def restore(self, values: F64) -> None:
        """Goes on from a snapshot, shape (n,).

        Raises:
            SnapshotError: If it is of another length or holds what is no number.
        """
        sizes = (mujoco.mj_stateSize(self.model, STATE_SPEC), 3, 9, 7, 2, 3, 3)
        parts = split_snapshot(self.name, values, sizes)
        state, goal_pos, goal_mat, posture, fingers, self._start, velocity = parts
        with contain_side_effects():
            self._env.reset()  # forgets what the controller has kept of the former course
        mujoco.mj_setState(self.model, self.data, state, STATE_SPEC)
        robot = self._env.robots[0]
        robot.controller.goal_pos, robot.controller.goal_ori = goal_pos, goal_mat.reshape(3, 3)
        robot.controller.initial_joint, robot.gripper.current_action = posture, fingers
        robot.controller.new_update = True  # or the first substep uses what reset has computed
        refresh_kinematics(self.model, self.data)
        self._lagging = {"ee_vel": velocity}

    def read_state(self) -> F64:
        """Returns the state of physics and controller. Shape (s,)."""
        robot = self._env.robots[0]
        controller = robot.controller
        return np.concatenate(
            (
                read_integration_state(self.model, self.data),
                controller.goal_pos,
                np.ravel(controller.goal_ori),
                controller.initial_joint,
                robot.gripper.current_action,
            )
        )

    def close(self) -> None:
        """Frees robosuite's environment."""
        self._env.close()


def _make_env(task: str) -> Any:
    """Builds robosuite's environment. Its cube has a size drawn at building: the same each time."""
    robosuite = import_quietly("robosuite")
    with contain_side_effects():
        return robosuite.make(
            task,
            robots="Panda",
            controller_configs=robosuite.load_controller_config(default_controller="OSC_POSE"),
            has_renderer=False,
            has_offscreen_renderer=False,
            use_camera_obs=False,
            control_freq=20,
            initialization_noise=None,
            ignore_done=True,
            # Or every reset would compile another model, and our views would look at the old one.
            hard_reset=False,
        )
