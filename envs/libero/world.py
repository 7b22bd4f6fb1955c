"""LIBERO on MuJoCo as a world: real tasks, start states, goals; robosuite's Panda at 20 Hz."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import mujoco

from aegis.core.errors import ConfigError, SnapshotError, StartStateError, UnknownNameError
from aegis.core.protocols import Outcome, WorldState
from aegis.core.types import U8, Command, Embodiment, EpisodeKey, Observation, Stop
from envs.assets.resolver import resolve_assets
from envs.camera import RENDER_STYLES, render_pictures
from envs.libero.exact_stepper import Stepper
from envs.libero.fast_stepper import FastStepper
from envs.libero.library import SUITES
from envs.libero.scene import Scene
from envs.libero.scene_loader import load_scene
from envs.libero.simulation import Simulation
from envs.panda import PERIOD_NS, check_action, panda_embodiment

STEPPERS = {"exact": Stepper, "fast": FastStepper}
SNAPSHOT_VERSION = 1
"""Version of what a snapshot holds; raise it when that changes."""


class LiberoWorld:
    """The tasks of a LIBERO suite.

    Args:
        suite: Task suite; ``"libero_spatial"``.
        assets: ``"builtin"``, ``"auto"``, ``"hub"`` or a folder; see docs/assets.md.
        horizon: Longest episode [control steps]. LIBERO-Spatial is run at 220 (OpenVLA) or 280
            (LeRobot).
        stepping: ``"exact"`` is robosuite's, bit for bit; in ``"fast"`` resting bodies sleep.
        pictures: ``"fast"`` are as cheap as the scene allows, ``"official"`` are LIBERO's own.

    Raises:
        UnknownNameError: If suite, stepping or pictures are not supported.
        AssetError: If the assets are missing or incomplete.
    """

    def __init__(
        self,
        suite: str,
        assets: str,
        horizon: int,
        stepping: str = "exact",
        pictures: str = "fast",
    ) -> None:
        if suite not in SUITES:
            raise UnknownNameError("suite", suite, SUITES, "env.suite")
        if stepping not in STEPPERS:
            raise UnknownNameError("stepping", stepping, STEPPERS, "env.stepping")
        if pictures not in RENDER_STYLES:
            raise UnknownNameError("look", pictures, RENDER_STYLES, "env.pictures")
        if horizon < 1:
            raise ConfigError(f"env.horizon must be at least 1 control step. Got: {horizon}.")
        self._suite, self._horizon, self._stepping = suite, horizon, stepping
        self._pictures = RENDER_STYLES[pictures]
        self._robot = "robosuite" if pictures == "official" else "light"
        self._assets = resolve_assets(assets)
        self._embodiment = panda_embodiment()
        self._sim: Simulation | None = None
        self._key: EpisodeKey | None = None
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

    def get_scene(self, task: int) -> Scene:
        """Returns a task's compiled scene, building it on first use.

        Raises:
            UnknownNameError: If the suite has no such task.
        """
        assets = self._assets
        return load_scene(self._suite, task, assets.path, assets.digest, self._robot)

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
        sim = self._get_simulation(key.task)
        self._sim = None  # should it fail, there is no episode
        sim.begin(key)
        self._sim, self._key, self._k = sim, key, 0

    def observe(self, cameras: Mapping[str, tuple[int, int]]) -> Observation:
        """Senses the current state; see `aegis.core.protocols.World`."""
        sim = self._require_simulation()
        sim.refresh_kinematics()
        return Observation(
            stamp=self._k * PERIOD_NS,
            proprio=sim.hand.read_proprio(sim.data),
            images=self._draw_pictures(sim, cameras) if cameras else {},
            instruction=sim.scene.instruction,
            privileged=sim.read_truth(),
        )

    def apply(self, command: Command) -> Outcome:
        """Executes a command for 50 ms.

        Raises:
            ShapeError: If the action is not of shape (7,).
            NonFiniteError: If the action holds NaN or infinity.
        """
        action = check_action(command)
        success = self._require_simulation().step(action)
        self._k += 1
        stopped = isinstance(command, Stop)
        return Outcome(success=success, done=success or stopped or self._k >= self._horizon)

    def digest(self) -> str:
        """Returns a hash of physics and controller state."""
        state = self._require_simulation().read_state()
        return hashlib.blake2b(state.tobytes(), digest_size=8).hexdigest()

    def snapshot(self) -> WorldState:
        """Returns all that `restore` needs to go on bit for bit, with the same observation.

        Raises:
            StartStateError: If no episode has begun.
        """
        sim = self._require_simulation()
        assert self._key is not None
        return WorldState(self._describe_model(sim.scene), self._key, self._k, sim.snapshot())

    def restore(self, state: WorldState) -> None:
        """Takes up an episode, in a fresh world or one that was elsewhere.

        Raises:
            SnapshotError: If the state belongs to another model or is damaged.
        """
        try:
            if state.key.suite != self._suite or state.k < 0:
                raise SnapshotError(f"No tick {state.k} of suite '{state.key.suite}' exists here.")
            sim = self._get_simulation(state.key.task)
        except UnknownNameError as error:
            raise SnapshotError(f"The snapshot's episode does not exist here: {error}") from error
        if state.model != (here := self._describe_model(sim.scene)):
            raise SnapshotError(
                f"A snapshot of '{state.model}' was given to a world that takes those of '{here}' "
                "(scene and assets, MuJoCo, stepping). Use the assets, the MuJoCo version and the "
                "stepping that it was taken with, or play the episode from its start."
            )
        self._sim = None
        sim.restore(state.values)
        self._sim, self._key, self._k = sim, state.key, state.k

    def close(self) -> None:
        """Frees the simulation; scenes and framebuffers are shared and freed at exit."""
        self._sim, self._key = None, None

    def _draw_pictures(
        self, sim: Simulation, cameras: Mapping[str, tuple[int, int]]
    ) -> dict[str, U8]:
        return render_pictures(
            sim.model, sim.data, cameras, digest=sim.scene.looks, pictures=self._pictures
        )

    def _get_simulation(self, task: int) -> Simulation:
        """Returns the simulation to use for a task: the present one where it is of that task."""
        if self._sim is not None and self._sim.scene.task == task:
            return self._sim
        return Simulation(self.get_scene(task), STEPPERS[self._stepping])

    def _describe_model(self, scene: Scene) -> str:
        """Returns what snapshots of a scene belong to."""
        engine = f"mujoco-{mujoco.__version__} {self._stepping} v{SNAPSHOT_VERSION}"
        return f"{scene.suite}/{scene.task} {scene.digest} {engine}"

    def _require_simulation(self) -> Simulation:
        if self._sim is None:
            raise StartStateError("No episode has begun: call begin(key) first.")
        return self._sim
