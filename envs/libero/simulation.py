"""One task's physics, controller and fixture poses: what `envs.libero.world` begins and steps.

The compiled model is shared by all simulations of a task in a process, and it holds the fixture
poses: each simulation writes its own into it before it uses it. Simulations of one process must
therefore not be stepped from two threads at once; workers are processes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import mujoco
import numpy as np

from aegis.core.errors import StartStateError
from aegis.core.types import F64, EpisodeKey
from envs.libero.exact_stepper import Stepper
from envs.libero.goal import Goal
from envs.libero.scene import Scene
from envs.libero.starts import ATTEMPTS, Start, admissible, collides, draw_start
from envs.libero.truth import Truth
from envs.panda import STATE, Hand, integration_state, refresh, snapshot_parts

SETTLE = 10
"""Control steps of doing nothing before tick 0, as LIBERO's own evaluation does."""
LAGGING = {"ee_vel": 3, "touch": 2}
"""Truth that is read from the last substep, which MuJoCo's state does not hold, and its sizes."""


class Simulation:
    """A task in some state.

    Args:
        scene: The task.
        stepper: How it is stepped, from the start state on: `Stepper` or `QuickStepper`.
    """

    def __init__(self, scene: Scene, stepper: type[Stepper]) -> None:
        self.scene = scene
        self.model = scene.model
        self.data = mujoco.MjData(self.model)
        self.stepper = stepper(self.model, self.data)
        self.goal = Goal(scene)
        self.truth = Truth(scene)
        self.hand = Hand(self.model)
        self._bodies = np.array([f.body for f in scene.fixtures], dtype=np.intp)
        self._pos = self.model.body_pos[self._bodies]
        self._quat = self.model.body_quat[self._bodies]
        self._flags = 0
        self._stale = False
        self._lagging: dict[str, F64] = {}

    def begin(self, key: EpisodeKey) -> None:
        """Puts the task into the episode's start state and lets it settle.

        Raises:
            UnknownNameError: If the start family does not exist.
            StartStateError: If no draw is admissible, or the index is out of range.
        """
        self._flags = 0  # all ways of stepping begin alike: nobody sleeps yet
        self._settle_into(key)
        self.refresh()
        self.truth.begin(self.data)
        self._flags = self.stepper.flags

    def step(self, action: F64) -> bool:
        """Executes an action for one control period; returns whether the goal is reached."""
        with self._furnished():
            self.stepper.step(action)
            self._stale = True
            self._lagging = {}
            return self.goal.reached(self.data)

    def refresh(self) -> None:
        """Brings the kinematics up to date with the state; see `envs.panda.refresh`."""
        if self._stale:
            with self._furnished():
                refresh(self.model, self.data)
            self._stale = False

    def privileged(self) -> dict[str, F64]:
        """Returns simulator truth by name, from current kinematics."""
        return {**self.truth.read(self.data), **self._lagging}

    def state(self) -> F64:
        """Returns all that decides how the simulation goes on. Shape (s,)."""
        physics = integration_state(self.model, self.data)
        return np.concatenate((physics, self.stepper.state, self._pos.ravel(), self._quat.ravel()))

    def snapshot(self) -> F64:
        """Returns the state and what observations need besides. Shape (n,)."""
        self.refresh()
        truth = self.privileged()
        lagging = (truth[name] for name in LAGGING)
        return np.concatenate((self.state(), self.truth.start, *lagging))

    def restore(self, values: F64) -> None:
        """Goes on from a snapshot of the same scene.

        Raises:
            SnapshotError: If it is of another length or holds what is no number.
        """
        n = len(self._bodies)
        physics = mujoco.mj_stateSize(self.model, STATE)
        sizes = (physics, len(self.stepper.state), 3 * n, 4 * n, 3, *LAGGING.values())
        parts = snapshot_parts(f"{self.scene.suite}/{self.scene.task}", values, sizes)
        state, controller, pos, quat, self.truth.start, *lagging = parts
        self._pos, self._quat = pos.reshape(-1, 3), quat.reshape(-1, 4)
        self._flags = self.stepper.flags
        with self._furnished():
            mujoco.mj_setState(self.model, self.data, state, STATE)
            self.stepper.state = controller
        self._lagging = dict(zip(LAGGING, lagging, strict=True))
        self._stale = True

    @contextmanager
    def _furnished(self) -> Iterator[None]:
        """Puts this simulation's fixtures into the shared model, and its flags for the while."""
        self.model.body_pos[self._bodies] = self._pos
        self.model.body_quat[self._bodies] = self._quat
        self.model.opt.enableflags = self._flags
        try:
            yield
        finally:
            self.model.opt.enableflags = 0

    def _settle_into(self, key: EpisodeKey) -> None:
        for attempt in range(ATTEMPTS):
            start = draw_start(self.scene, key, attempt)
            self._place(start)
            if key.start == "official":
                self._settle()
                return
            if collides(self.model, self.data):
                continue
            self._settle()
            self.refresh()
            if admissible(self.scene, self.data, start) and not self.goal.reached(self.data):
                return
        raise StartStateError(f"No admissible start state in {ATTEMPTS} draws for {key}.")

    def _place(self, start: Start) -> None:
        mujoco.mj_resetData(self.model, self.data)
        self._pos = np.array([start.body_pos[body] for body in self._bodies]).reshape(-1, 3)
        self._quat = np.array([start.body_quat[body] for body in self._bodies]).reshape(-1, 4)
        self.data.qpos[:] = start.qpos
        self.data.qvel[:] = start.qvel
        with self._furnished():
            mujoco.mj_forward(self.model, self.data)
            self.stepper.reset()
        self._stale, self._lagging = False, {}

    def _settle(self) -> None:
        with self._furnished():
            self.stepper.settle(SETTLE)
        self._stale = True
