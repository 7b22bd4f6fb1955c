"""Backends: how each of LeRobot's types of policy is computed, in four parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from policies.lerobot.backends.act import ActBackend
from policies.lerobot.backends.backend import Backend
from policies.lerobot.backends.diffusion import DiffusionBackend
from policies.lerobot.backends.pi import Pi0Backend, Pi05Backend
from policies.lerobot.backends.settings import check_common_settings
from policies.lerobot.backends.smolvla import SmolVlaBackend

BACKENDS: Mapping[str, type[Backend]] = {
    "smolvla": SmolVlaBackend,
    "act": ActBackend,
    "diffusion": DiffusionBackend,
    "pi0": Pi0Backend,
    "pi05": Pi05Backend,
}
"""Type of policy to its backend."""


def check_settings(kind: str, config: Any, name: str) -> None:
    """Refuses settings of a checkpoint that cannot be run, before anything large is built.

    Args:
        kind: Type of policy.
        config: Its settings.
        name: The policy, for messages that name its settings.

    Raises:
        CheckpointError: If a setting is not supported.
    """
    check_common_settings(kind, config)
    BACKENDS[kind].check_settings(config, name)
