"""LIBERO on MuJoCo as a world: real tasks, start states, goals; robosuite's Panda at 20 Hz."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping

import mujoco
import numpy as np

from aegis.core.errors import ConfigError, ShapeError, StartStateError, UnknownNameError
from aegis.core.protocols import Outcome
from aegis.core.types import F64, Command, Embodiment, EpisodeKey, Observation, Stop
from envs.assets.resolve import resolve_assets
from envs.camera import render
from envs.libero.goal import Goal
from envs.libero.library import SUITES
from envs.libero.load import load_scene
from envs.libero.scene import Scene
from envs.libero.starts import ATTEMPTS, Start, admissible, collides, draw_start
from envs.libero.stepper import Stepper
from envs.libero.truth import Truth
from envs.panda import PERIOD_NS, STATE, Hand, checked_action, integration_state, panda, refresh

SETTLE = 10
"""Control steps of doing nothing before tick 0, as LIBERO's own evaluation does."""
LAGGING = {"ee_vel": 3, "touch": 2}
"""Truth that is read from the last substep, which MuJoCo's state does not hold, and its sizes."""


class LiberoWorld:
    """The tasks of a LIBERO suite.

    Args:
        suite: Task suite; ``"libero_spatial"``.
        assets: ``"builtin"``, ``"auto"``, ``"hub"`` or a folder; see docs/assets.md.
        horizon: Longest episode [control steps]. LIBERO-Spatial is run at 220 (OpenVLA) or 280
            (LeRobot).

    Raises:
        UnknownNameError: If the suite is not supported.
        AssetError: If the assets are missing or incomplete.
    """

    def __init__(self, suite: str, assets: str, horizon: int) -> None:
        if suite not in SUITES:
            raise UnknownNameError("suite", suite, SUITES, "env.suite")
        if horizon < 1:
            raise ConfigError(f"env.horizon must be at least 1 control step. Got: {horizon}.")
        self._suite, self._horizon = suite, horizon
        self._assets = resolve_assets(assets)
        self._embodiment = panda()
        self._sims: dict[int, _Simulation] = {}
        self._sim: _Simulation | None = None
        self._k = 0

    @property
    def embodiment(self) -> Embodiment:
        """The Panda."""
        return self._embodiment

    @property
    def horizon(self) -> int:
        """Longest episode [control steps]."""
        return self._horizon

    @property
    def assets_digest(self) -> str:
        """Hash of the asset pack in use."""
        return self._assets.digest

    def scene(self, task: int) -> Scene:
        """Returns a task's compiled scene, building it on first use.

        Raises:
            UnknownNameError: If the suite has no such task.
        """
        return load_scene(self._suite, task, self._assets.path, self._assets.digest)

    def begin(self, key: EpisodeKey) -> None:
        """Puts the task into the episode's start state and lets it settle.

        Raises:
            UnknownNameError: If the task or start family does not exist.
            StartStateError: If no draw is admissible, or the index is out of range.
        """
        if key.suite != self._suite:
            raise ConfigError(
                f"The episode is of suite '{key.suite}', the environment of '{self._suite}'."
            )
        if key.task not in self._sims:
            self._sims[key.task] = _Simulation(self.scene(key.task))
        self._sim = self._sims[key.task]
        self._sim.begin(key)
        self._sim.refresh()
        self._sim.truth.begin(self._sim.data)
        self._k = 0

    def observe(self, cameras: Mapping[str, tuple[int, int]]) -> Observation:
        """Senses the current state; see `aegis.core.protocols.World`."""
        sim = self._running()
        sim.refresh()
        return Observation(
            stamp=self._k * PERIOD_NS,
            proprio=sim.hand.proprio(sim.data),
            images=render(sim.scene.digest, sim.model, sim.data, cameras) if cameras else {},
            instruction=sim.scene.instruction,
            privileged=sim.privileged(),
        )

    def apply(self, command: Command) -> Outcome:
        """Executes a command for 50 ms.

        Raises:
            ShapeError: If the action is not of shape (7,).
            NonFiniteError: If the action holds NaN or infinity.
        """
        action = checked_action(command)
        sim = self._running()
        sim.step(action)
        self._k += 1
        success = sim.goal.reached(sim.data)
        stopped = isinstance(command, Stop)
        return Outcome(success=success, done=success or stopped or self._k >= self._horizon)

    def digest(self) -> str:
        """Returns a hash of physics and controller state."""
        return self._running().digest()

    def snapshot(self) -> F64:
        """Returns all that `restore` needs to go on bit for bit, with the same observation."""
        return self._running().snapshot()

    def restore(self, snapshot: F64, k: int) -> None:
        """Continues the current episode from a snapshot taken at tick ``k``.

        Raises:
            ShapeError: If the snapshot is of another scene.
        """
        self._running().restore(snapshot)
        self._k = k

    def close(self) -> None:
        """Frees the simulations; framebuffers are shared and freed at exit."""
        self._sims.clear()
        self._sim = None

    def _running(self) -> _Simulation:
        if self._sim is None:
            raise StartStateError("No episode has begun: call begin(key) first.")
        return self._sim


class _Simulation:
    """One task's model, state and controller."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.model = copy.copy(scene.model)  # fixture poses live in the model
        self.data = mujoco.MjData(self.model)
        self.stepper = Stepper(self.model, self.data)
        self.goal = Goal(scene)
        self.truth = Truth(scene)
        self.hand = Hand(self.model)
        self._stale = False
        self._lagging: dict[str, F64] = {}

    def begin(self, key: EpisodeKey) -> None:
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
        for body, pose in start.body_pos.items():
            self.model.body_pos[body] = pose
            self.model.body_quat[body] = start.body_quat[body]
        self.data.qpos[:] = start.qpos
        self.data.qvel[:] = start.qvel
        mujoco.mj_forward(self.model, self.data)
        self._lagging = {}
        self.stepper.reset()

    def _settle(self) -> None:
        still = np.array([0, 0, 0, 0, 0, 0, -1.0])
        for _ in range(SETTLE):
            self.step(still)

    def step(self, action: F64) -> None:
        self.stepper.step(action)
        self._stale = True
        self._lagging = {}

    def refresh(self) -> None:
        if self._stale:
            refresh(self.model, self.data)
            self._stale = False

    def privileged(self) -> dict[str, F64]:
        return {**self.truth.read(self.data), **self._lagging}

    def snapshot(self) -> F64:
        self.refresh()
        truth = self.privileged()
        return np.concatenate((self.state(), *(truth[name] for name in LAGGING)))

    def state(self) -> F64:
        bodies = [f.body for f in self.scene.fixtures]
        poses = (self.model.body_pos[bodies].ravel(), self.model.body_quat[bodies].ravel())
        state = integration_state(self.model, self.data)
        return np.concatenate((state, self.stepper.state, *poses))

    def restore(self, snapshot: F64) -> None:
        bodies = [f.body for f in self.scene.fixtures]
        n = len(bodies)
        sizes = (mujoco.mj_stateSize(self.model, STATE), 21, 3 * n, 4 * n, *LAGGING.values())
        if snapshot.shape != (sum(sizes),):
            raise ShapeError(
                f"A snapshot of this scene has shape ({sum(sizes)},). Got: {snapshot.shape}."
            )
        state, controller, pos, quat, *lagging = np.split(snapshot, np.cumsum(sizes)[:-1])
        mujoco.mj_setState(self.model, self.data, state, STATE)
        self.stepper.state = controller
        self.model.body_pos[bodies] = pos.reshape(-1, 3)
        self.model.body_quat[bodies] = quat.reshape(-1, 4)
        self._stale = True
        self._lagging = {name: x.copy() for name, x in zip(LAGGING, lagging, strict=True)}

    def digest(self) -> str:
        return hashlib.blake2b(self.state().tobytes(), digest_size=8).hexdigest()
