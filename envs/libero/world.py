"""LIBERO on MuJoCo as a world: real tasks, start states, goals; robosuite's Panda at 20 Hz."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext

from aegis.core.errors import UnknownNameError
from aegis.core.types import U8, EpisodeKey, Observation
from envs.assets.resolver import resolve_assets
from envs.camera import RENDER_STYLES, render_pictures
from envs.libero.disturb.image import disturb_picture
from envs.libero.disturb.levels import read_levels
from envs.libero.disturb.looks import Looks, draw_looks
from envs.libero.library import ALL_SUITES
from envs.libero.scene import Scene
from envs.libero.scene_loader import load_scene
from envs.libero.simulation import SNAPSHOT_VERSIONS, STEPPERS, Simulation
from envs.libero.starts.families import START_COUNTS
from envs.libero.suites.task_files import find_task_files
from envs.panda import PERIOD_NS
from envs.panda_world import PandaWorld


class LiberoWorld(PandaWorld[Simulation]):
    """The tasks of a LIBERO suite.

    Args:
        suite: Task suite: ``"libero_spatial"``, ``"libero_object"``, ``"libero_goal"``,
            ``"libero_10"`` or ``"libero_90"``, or one of LIBERO-PRO, such as
            ``"libero_pro_spatial_swap"``.
        assets: ``"builtin"``, ``"auto"``, ``"official"``, ``"hub"`` or a folder; see
            docs/how-to/choose-assets.md.
        horizon: Longest episode [control steps]. OpenVLA takes 220, 280, 300, 520 and 400 for the
            suites in this order; LeRobot takes 280 for LIBERO-Spatial, else the same.
        stepping: ``"exact"`` is robosuite's, bit for bit; in ``"fast"`` resting bodies sleep.
        pictures: ``"fast"`` are as cheap as the scene allows, ``"official"`` are LIBERO's own.
        snapshot_version: 2; plans that were locked before there was a second play with 1, see
            ``envs.libero.simulation.SNAPSHOT_VERSIONS``.
        disturb: Axis to level, from 0 to 5; see `envs.libero.disturb.levels.AXES`.

    Raises:
        UnknownNameError: If suite, stepping, pictures, version or axis are not supported.
        ConfigError: If the horizon is less than one, or a level is none.
        AssetError: If the assets are missing or incomplete.
    """

    def __init__(
        self,
        suite: str,
        assets: str,
        horizon: int,
        stepping: str = "exact",
        pictures: str = "fast",
        snapshot_version: int = 1,
        disturb: Mapping[str, int] | None = None,
    ) -> None:
        if suite not in ALL_SUITES:
            raise UnknownNameError("suite", suite, ALL_SUITES, "env.suite")
        if stepping not in STEPPERS:
            raise UnknownNameError("stepping", stepping, STEPPERS, "env.stepping")
        if pictures not in RENDER_STYLES:
            raise UnknownNameError("look", pictures, RENDER_STYLES, "env.pictures")
        if snapshot_version not in SNAPSHOT_VERSIONS:
            raise UnknownNameError(
                "version", snapshot_version, SNAPSHOT_VERSIONS, "env.snapshot_version"
            )
        super().__init__(suite, horizon)
        self._levels = read_levels(disturb)
        self._seen: tuple[EpisodeKey, Looks] | None = None
        self._stepping, self._snapshot_version = stepping, snapshot_version
        self._pictures = RENDER_STYLES[pictures]
        self._robot = "robosuite" if pictures == "official" else "light"
        self._assets = resolve_assets(assets, suite)
        self._files = find_task_files(suite, self._assets.path)

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

    def read_model(self) -> U8:
        """Returns the compiled model of the present episode [bytes]. Shape (n,).

        Raises:
            StartStateError: If no episode has begun.
        """
        return self._require_simulation().read_model()

    def list_tasks(self) -> Sequence[int]:
        """Returns the numbers of the tasks of the suite."""
        return range(len(self._files.names))

    def list_starts(self) -> Sequence[str]:
        """Returns the families of start states of the suite."""
        return tuple(START_COUNTS)

    def count_starts(self, start: str) -> int | None:
        """Returns the number of start states of a family; None if there is no end.

        Raises:
            UnknownNameError: If there is no such family.
        """
        if start not in START_COUNTS:
            raise UnknownNameError("start family", start, START_COUNTS, f"suite {self._suite}")
        return START_COUNTS[start]

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

    def _draw_pictures(
        self, sim: Simulation, cameras: Mapping[str, tuple[int, int]]
    ) -> dict[str, U8]:
        """Returns pictures by camera name. Shape (height, width, 3)."""
        assert self._key is not None, "an episode that has begun has a key"
        with sim.glow_in_place(), self._disturb_looks(sim, self._key):
            drawn = render_pictures(
                sim.model, sim.data, cameras, digest=sim.scene.looks, pictures=self._pictures
            )
        level = self._levels.get("image", 0)
        if not level:
            return drawn
        return {
            name: disturb_picture(picture, self._key, self._k, name, level)
            for name, picture in drawn.items()
        }

    def _disturb_looks(self, sim: Simulation, key: EpisodeKey) -> AbstractContextManager[None]:
        """Returns what puts the episode's looks in place while pictures are drawn."""
        if not self._levels.keys() & {"camera", "light", "colour"}:
            return nullcontext()
        if self._seen is None or self._seen[0] != key:
            self._seen = key, draw_looks(sim.model, key, self._levels)
        return self._seen[1].in_place(sim.model, sim.data)

    def _get_simulation(self, task: int) -> Simulation:
        # Scenes are compiled once a process; the state of one task is kept between episodes.
        if self._sim is not None and self._sim.scene.task == task:
            return self._sim
        stepper = STEPPERS[self._stepping]
        bend = self._levels.get("robot", 0)
        return Simulation(self.get_scene(task), stepper, self._snapshot_version, bend)
