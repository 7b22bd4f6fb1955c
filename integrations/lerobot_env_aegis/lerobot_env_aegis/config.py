"""Config: LeRobot's LIBERO environment, with assets that need no download."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lerobot.envs.configs import EnvConfig, LiberoEnv


@EnvConfig.register_subclass("aegis_libero")
@dataclass
class AegisLiberoEnv(LiberoEnv):  # type: ignore[misc]  # untyped here
    """LeRobot's ``libero``, unchanged but for where its assets lie.

    Attributes:
        assets: ``builtin``, ``auto``, ``hub`` or a folder; see ``envs.assets.resolver``.
    """

    task: str = "libero_spatial"
    assets: str = "builtin"

    def create_envs(self, n_envs: int, use_async_envs: bool = False) -> Any:
        """Builds LeRobot's environments; see ``LiberoEnv.create_envs``.

        Raises:
            AegisError: If assets or LIBERO are missing.
        """
        from lerobot_env_aegis.assets import prepare_libero, prepare_processes

        prepare_libero(self.assets)
        envs = super().create_envs(n_envs, use_async_envs)
        prepare_processes(envs, self.assets)
        return envs
