"""LIBERO as a Gymnasium environment."""

from __future__ import annotations

from collections.abc import Mapping

from envs.gym import GymEnv
from envs.libero.world import LiberoWorld


class LiberoEnv(GymEnv):
    """The tasks of a LIBERO suite behind Gymnasium's interface; see `envs.gym.GymEnv`.

    Args:
        suite: Task suite.
        task: Task number.
        start: ``"official"`` or ``"wide"``.
        assets: ``"builtin"``, ``"auto"``, ``"official"``, ``"hub"`` or a folder.
        horizon: Longest episode [control steps]; docs/reference/libero.md lists those of the
            suites.
        size: Height and width of both pictures [px].
        root: Root seed.
        stepping: ``"exact"`` or ``"fast"``; see `envs.libero.world.LiberoWorld`.
        pictures: ``"fast"`` or ``"official"``; see there.
        disturb: Axis to level; see there.
    """

    def __init__(
        self,
        suite: str = "libero_spatial",
        task: int = 0,
        start: str = "wide",
        assets: str = "auto",
        horizon: int = 220,
        size: int = 64,
        root: int = 0,
        stepping: str = "exact",
        pictures: str = "fast",
        disturb: Mapping[str, int] | None = None,
    ) -> None:
        cameras = {"agentview": (size, size), "wrist": (size, size)}
        world = LiberoWorld(suite, assets, horizon, stepping, pictures, 2, disturb)
        super().__init__(world, suite, task, start, cameras, proprio=8, root=root)
