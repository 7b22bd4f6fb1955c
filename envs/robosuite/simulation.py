"""One robosuite task's physics and controller: what `envs.robosuite.world` begins and steps."""

from __future__ import annotations

import copy

import mujoco
import numpy as np

from aegis.core.errors import StartStateError, UnknownNameError
from aegis.core.seeds import episode_stream
from aegis.core.types import F64, EpisodeKey
from envs.libero.exact_stepper import Stepper
from envs.panda import (
    STATE_SPEC,
    HandReader,
    read_integration_state,
    refresh_kinematics,
    split_snapshot,
)
from envs.robosuite.scene import build_scene
from envs.robosuite.tasks.task import RobosuiteTask

SETTLE_STEPS = 10
"""Control steps of doing nothing before tick 0."""


class RobosuiteSimulation:
    """A task in some state, with a model of its own: the poses of fixtures live in it.

    Args:
        task: The task.
        stepper: How it is stepped, from tick 0 on: `Stepper` or `FastStepper`.

    Attributes:
        task: The task, bound to the model.
        model: The compiled model.
        data: MuJoCo's state.
        stepper: Steps it and holds the controller's state.
        hand: Reads the arm.
        looks: Name of what its pictures need, the same for all simulations of a task.
        name: What its snapshots belong to: task, physics, MuJoCo, stepping.
    """

    def __init__(self, task: type[RobosuiteTask], stepper: type[Stepper]) -> None:
        scene = build_scene(task.name)
        self.model = copy.copy(scene.model)
        self.data = mujoco.MjData(self.model)
        self.task = task(self.model)
        self.stepper = stepper(self.model, self.data)
        self.hand = HandReader(self.model)
        self.looks = f"robosuite/{task.name} {scene.digest}"
        self.name = f"{self.looks} mujoco-{mujoco.__version__} {stepper.name} v2"
        self._rest = scene.rest
        self._fixtures = [self.model.body(name).id for name in task.fixtures]
        self._start = np.zeros(3)
        self._stale = False
        self._lagging: dict[str, F64] = {}

    def begin(self, key: EpisodeKey) -> None:
        """Puts arm and things into the episode's start state and lets them settle.

        Raises:
            UnknownNameError: If the start family does not exist.
            StartStateError: If the index is negative, or no draw is admissible.
        """
        self.place_start(key)
        self.stepper.settle_bodies(SETTLE_STEPS)
        self._stale = True
        self.refresh_kinematics()
        self._start = self.task.read_truth(self.data)["object_pos"]
        self.model.opt.enableflags = self.stepper.flags

    def place_start(self, key: EpisodeKey) -> None:
        """Puts arm and things into the episode's start state, before anything moves.

        Raises:
            UnknownNameError: If the start family does not exist.
            StartStateError: If the index is negative, or no draw is admissible.
        """
        if key.start not in self.task.starts:
            raise UnknownNameError("start family", key.start, self.task.starts, self.task.name)
        if key.index < 0:
            raise StartStateError(f"Start states go from 0 up. Got: {key.index}.")
        self.model.opt.enableflags = 0  # all ways of stepping begin alike: no body sleeps yet
        mujoco.mj_resetData(self.model, self.data)
        self.data.qpos[:] = self._rest
        rng = episode_stream(key, "start")
        self.task.place_objects(self.model, self.data, key.start, rng)
        mujoco.mj_forward(self.model, self.data)
        self.stepper.reset()
        self._stale, self._lagging = False, {}

    def step(self, action: F64) -> bool:
        """Executes an action, shape (7,), for 50 ms; returns whether the task is solved."""
        self.stepper.step(action)
        self._stale, self._lagging = True, {}
        return self.task.is_solved(self.model, self.data)

    def refresh_kinematics(self) -> None:
        """Brings the kinematics up to date with the state; see `envs.panda.refresh_kinematics`."""
        if self._stale:
            refresh_kinematics(self.model, self.data)
            self._stale = False

    def read_truth(self) -> dict[str, F64]:
        """Returns simulator truth by name.

        ``object_start``: where the object was at tick 0 [m] (3,); besides, what the task and
        `envs.panda.HandReader.read_truth` give.
        """
        return {
            **self.task.read_truth(self.data),
            "object_start": self._start,
            **self.hand.read_truth(self.data),
            **self._lagging,
        }

    def read_state(self) -> F64:
        """Returns all that decides how the simulation goes on. Shape (s,)."""
        fixtures = [self.model.body_pos[self._fixtures], self.model.body_quat[self._fixtures]]
        physics = read_integration_state(self.model, self.data)
        return np.concatenate((physics, self.stepper.state, *map(np.ravel, fixtures)))

    def snapshot(self) -> F64:
        """Returns the state and what observations need besides. Shape (n,)."""
        self.refresh_kinematics()
        velocity, data = self.read_truth()["ee_vel"], self.data
        smooth = data.qacc_smooth, data.qfrc_smooth
        return np.concatenate((self.read_state(), self._start, velocity, *smooth))

    def restore(self, values: F64) -> None:
        """Goes on from a snapshot, shape (n,).

        Raises:
            SnapshotError: If it is of another length or holds what is no number.
        """
        physics, controller = mujoco.mj_stateSize(self.model, STATE_SPEC), len(self.stepper.state)
        n, nv = len(self._fixtures), self.model.nv
        sizes = (physics, controller, 3 * n, 4 * n, 3, 3, nv, nv)
        parts = split_snapshot(self.name, values, sizes)
        self.model.body_pos[self._fixtures] = parts[2].reshape(-1, 3)
        self.model.body_quat[self._fixtures] = parts[3].reshape(-1, 4)
        self.model.opt.enableflags = self.stepper.flags
        mujoco.mj_setState(self.model, self.data, parts[0], STATE_SPEC)
        self.stepper.state = parts[1]
        self._start, self._lagging = parts[4], {"ee_vel": parts[5]}
        # What a body that sleeps keeps from before it fell asleep.
        self.data.qacc_smooth[:], self.data.qfrc_smooth[:] = parts[6], parts[7]
        self._stale = True
