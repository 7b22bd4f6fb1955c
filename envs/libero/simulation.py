"""One task's physics, controller and fixture poses: what `envs.libero.world` begins and steps.

The compiled model is shared by all simulations of a task in a process, and it holds the fixture
poses: each simulation writes its own into it before it uses it. Simulations of one process must
therefore not be stepped from two threads at once; workers are processes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import mujoco
import numpy as np

from aegis.core.errors import StartStateError
from aegis.core.types import F64, U8, EpisodeKey
from envs.libero.disturb.posture import bend_arm
from envs.libero.exact_stepper import Stepper
from envs.libero.fast_stepper import FastStepper
from envs.libero.goals.checker import GoalChecker
from envs.libero.scene import Scene, read_model_numbers
from envs.libero.starts.families import MAX_ATTEMPTS, draw_start, is_colliding, is_fair
from envs.libero.starts.start_state import StartState
from envs.libero.truth import TruthReader
from envs.panda import (
    STATE_SPEC,
    HandReader,
    read_integration_state,
    refresh_kinematics,
    split_snapshot,
)

SETTLE_STEPS = 10
"""Control steps of doing nothing before tick 0, as LIBERO's own evaluation does."""
STEPPERS: dict[str, type[Stepper]] = {one.name: one for one in (Stepper, FastStepper)}
"""Ways of stepping by name."""
SNAPSHOT_VERSIONS = (1, 2)
"""What a snapshot holds. The first lacks smooth acceleration and force of bodies that sleep. Each
step makes that acceleration their warm start, and it is the warm start already, unless a body fell
asleep in the very substep before: then the last bits of the two worlds part. Plans that were locked
with it are played with it; all others with the second."""


class Simulation:
    """A task in some state.

    Args:
        scene: The task.
        stepper: How it is stepped, from the start state on: `Stepper` or `FastStepper`.
        snapshot_version: One of ``SNAPSHOT_VERSIONS``.
        bend: Level at which the arm's posture is disturbed at the start.

    Attributes:
        scene: The task.
        model: The compiled model, which the simulations of a task share.
        data: MuJoCo's state.
        stepper: Steps it and holds the controller's state.
        goal: Judges it.
        truth: Reads what scripted experts may know.
        hand: Reads the arm.
        start: Start state that the last episode began in, before it settled; None before one began.
    """

    def __init__(
        self, scene: Scene, stepper: type[Stepper], snapshot_version: int = 2, bend: int = 0
    ) -> None:
        self.scene = scene
        self._version, self._bend = snapshot_version, bend
        self.model = scene.model
        self.data = mujoco.MjData(self.model)
        self.stepper = stepper(self.model, self.data)
        self.goal = GoalChecker(scene)
        self.truth = TruthReader(scene)
        self.hand = HandReader(self.model)
        self._bodies = np.array([f.body for f in scene.fixtures], dtype=np.intp)
        self._pos = self.model.body_pos[self._bodies]
        self._quat = self.model.body_quat[self._bodies]
        self.start: StartState | None = None
        self._flags = 0
        self._stale = False
        self._met = (False,) * len(scene.goals)
        self._lagging: dict[str, F64] = {}

    @property
    def name(self) -> str:
        """What its snapshots belong to: scene and assets, MuJoCo, way of stepping."""
        engine = f"mujoco-{mujoco.__version__} {self.stepper.name} v{self._version}"
        return f"{self.scene.suite}/{self.scene.task} {self.scene.digest} {engine}"

    def begin(self, key: EpisodeKey) -> None:
        """Puts the task into the episode's start state and lets it settle.

        Raises:
            UnknownNameError: If the start family does not exist.
            StartStateError: If no draw is admissible, or the index is out of range.
        """
        self._flags = 0  # all ways of stepping begin alike: no body sleeps yet
        self._settle_into_start(key)
        self.refresh_kinematics()
        with self._fixtures_in_place():
            self._met = self.goal.check_terms(self.data)
        self.truth.remember_start(self.data)
        self._flags = self.stepper.flags

    def step(self, action: F64) -> bool:
        """Executes an action for one control period; returns whether the goal is reached.

        Args:
            action: Six pose deltas and the gripper (+1 closes), each in [-1, 1]. Shape (7,).
        """
        with self._fixtures_in_place():
            self.stepper.step(action)
            self._stale = True
            self._lagging = {}
            self._met = self.goal.check_terms(self.data)
        return all(self._met)

    def refresh_kinematics(self) -> None:
        """Brings the kinematics up to date with the state; see `envs.panda.refresh_kinematics`."""
        if self._stale:
            with self._fixtures_in_place():
                refresh_kinematics(self.model, self.data)
            self._stale = False

    def read_truth(self) -> dict[str, F64]:
        """Returns simulator truth by name; shapes: `envs.libero.truth.TruthReader.read_truth`."""
        return {**self.truth.read_truth(self.data, self._met), **self._lagging}

    def read_state(self) -> F64:
        """Returns all that decides how the simulation goes on. Shape (s,)."""
        physics = read_integration_state(self.model, self.data)
        return np.concatenate((physics, self.stepper.state, self._pos.ravel(), self._quat.ravel()))

    def read_model(self) -> U8:
        """Returns the model with this episode's fixtures [bytes], shape (n,)."""
        with self._fixtures_in_place():
            return read_model_numbers(self.model)

    def snapshot(self) -> F64:
        """Returns the state and what observations need besides. Shape (n,)."""
        self.refresh_kinematics()
        truth = self.read_truth()
        lagging = [truth[name].ravel() for name in self.truth.lagging_shapes]
        smooth = [self.data.qacc_smooth, self.data.qfrc_smooth] if self._version > 1 else []
        start = self.truth.start.ravel()
        return np.concatenate((self.read_state(), start, *lagging, *smooth))

    def restore(self, values: F64) -> None:
        """Goes on from a snapshot of the same scene.

        Args:
            values: What `snapshot` returned. Shape (n,).

        Raises:
            SnapshotError: If it is of another length or holds what is no number.
        """
        n, shapes = len(self._bodies), self.truth.lagging_shapes
        smooth = (self.model.nv,) * 2 if self._version > 1 else ()
        state, controller, pos, quat, start, *rest = split_snapshot(
            f"{self.scene.suite}/{self.scene.task}",
            values,
            (
                mujoco.mj_stateSize(self.model, STATE_SPEC),
                len(self.stepper.state),
                3 * n,
                4 * n,
                self.truth.start.size,
                *map(math.prod, shapes.values()),
                *smooth,
            ),
        )
        self.truth.start = start.reshape(-1, 3)
        lagging = [part.reshape(s) for part, s in zip(rest, shapes.values(), strict=False)]
        self._pos, self._quat = pos.reshape(-1, 3), quat.reshape(-1, 4)
        self._flags = self.stepper.flags
        with self._fixtures_in_place():
            mujoco.mj_setState(self.model, self.data, state, STATE_SPEC)
            self.stepper.state = controller
            if smooth:
                self.data.qacc_smooth[:], self.data.qfrc_smooth[:] = rest[-2:]
        self._lagging = dict(zip(shapes, lagging, strict=True))
        self._met = self.truth.read_met(self._lagging)
        self._stale = True

    @contextmanager
    def _fixtures_in_place(self) -> Iterator[None]:
        """Puts this simulation's fixtures into the shared model, and its flags for the while."""
        # Scenes are cached, so that all simulations of a task in this process have one model.
        self.model.body_pos[self._bodies] = self._pos
        self.model.body_quat[self._bodies] = self._quat
        self.model.opt.enableflags = self._flags
        try:
            yield
        finally:
            self.model.opt.enableflags = 0

    @contextmanager
    def glow_in_place(self) -> Iterator[None]:
        """Lets glow what is turned on, and nothing else, while a picture is drawn."""
        sites = [glow.site for glow in self.scene.glows]
        alpha = self.model.site_rgba[sites, 3]
        on = [self.data.qpos[glow.qpos] >= glow.limit for glow in self.scene.glows]
        self.model.site_rgba[sites, 3] = np.array(on, dtype=np.float32)
        try:
            yield
        finally:
            self.model.site_rgba[sites, 3] = alpha

    def _settle_into_start(self, key: EpisodeKey) -> None:
        for attempt in range(MAX_ATTEMPTS):
            start = draw_start(self.scene, key, attempt)
            start = replace(start, qpos=bend_arm(start.qpos, key, self._bend))
            self._place_start(start)
            # LIBERO's own start states are taken as they are: they define its benchmark.
            if key.start == "official":
                self._settle_bodies()
                return
            if is_colliding(self.data, start):
                continue
            self._settle_bodies()
            self.refresh_kinematics()
            # A start at which the goal holds already is no task.
            if is_fair(self.scene, self.data, start) and not self.goal.is_reached(self.data):
                return
        raise StartStateError(f"No admissible start state in {MAX_ATTEMPTS} draws for {key}.")

    def _place_start(self, start: StartState) -> None:
        self.start = start
        mujoco.mj_resetData(self.model, self.data)
        self._pos = np.array([start.body_pos[body] for body in self._bodies]).reshape(-1, 3)
        self._quat = np.array([start.body_quat[body] for body in self._bodies]).reshape(-1, 4)
        self.data.qpos[:] = start.qpos
        self.data.qvel[:] = start.qvel
        with self._fixtures_in_place():
            mujoco.mj_forward(self.model, self.data)
            self.stepper.reset()
        self._stale, self._lagging = False, {}

    def _settle_bodies(self) -> None:
        with self._fixtures_in_place():
            self.stepper.settle_bodies(SETTLE_STEPS)
        self._stale = True
