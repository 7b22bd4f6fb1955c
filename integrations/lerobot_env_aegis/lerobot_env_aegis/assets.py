"""Assets: tells LIBERO, here and in processes that LeRobot starts, where its assets lie."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aegis.host.folders import find_cache_folder
from envs.assets.resolver import resolve_assets
from envs.libero.library import import_libero_envs

_VARIABLE = "LIBERO_CONFIG_PATH"


@dataclass(frozen=True, slots=True)
class PreparedEnv:
    """Builds an environment of LeRobot in a process of its own, with LIBERO's assets in place.

    Attributes:
        choice: Of assets; see ``prepare_libero``.
        build: LeRobot's function that builds the environment.
    """

    choice: str
    build: Callable[[], Any]

    def __call__(self) -> Any:
        """Builds it."""
        prepare_libero(self.choice)
        return self.build()


def prepare_libero(choice: str) -> None:
    """Imports LIBERO with chosen assets.

    Args:
        choice: ``builtin``, ``auto``, ``hub`` or a folder.

    Raises:
        AssetError: If they are missing or incomplete.
        MachineError: If LIBERO is not installed.
    """
    import_libero_envs(resolve_assets(choice).path)
    # LIBERO asks questions on standard input where it finds no configuration; processes of LeRobot
    # import it before they are told anything, and read the one that was just written.
    os.environ[_VARIABLE] = str(find_cache_folder() / "libero")


def prepare_processes(envs: Any, choice: str) -> None:
    """Lets vector environments that start processes prepare LIBERO there.

    Args:
        envs: What LeRobot built: suite to task to vector environment.
        choice: Of assets.
    """
    for tasks in envs.values():
        for env in tasks.values():
            if hasattr(env, "_env_fns"):
                env._env_fns = [PreparedEnv(choice, build) for build in env._env_fns]
