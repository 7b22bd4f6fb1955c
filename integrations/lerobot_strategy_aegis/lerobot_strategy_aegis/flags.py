"""Flags: what of lerobot-rollout's command line this strategy reads, and what it refuses."""

from __future__ import annotations

from typing import Any

from aegis.core.errors import ConfigError
from lerobot_strategy_aegis.config import AegisStrategyConfig


def check_flags(cfg: Any, config: AegisStrategyConfig) -> None:
    """Refuses flags that would have no effect.

    Args:
        cfg: LeRobot's ``RolloutConfig``.
        config: Of the strategy.

    Raises:
        ConfigError: If there is one.
    """
    refused = {
        "--inference.type=rtc": (
            cfg.inference.type != "sync",
            "The strategy asks its policies itself, in line. Leave it out.",
        ),
        "--interpolation_multiplier": (
            cfg.interpolation_multiplier != 1,
            "Every tick sends the action that the controller decided. Leave it out.",
        ),
        "--use_torch_compile": (
            cfg.use_torch_compile,
            "Taps need the network as it is. Leave it out.",
        ),
        "--teleop": (cfg.teleop is not None, "Nobody takes over by hand here. Leave it out."),
    }
    for flag, (holds, advice) in refused.items():
        if holds:
            raise ConfigError(f"--strategy.type=aegis cannot use {flag}. {advice}")


def find_task(cfg: Any) -> str:
    """Returns what the robot is told, in words."""
    return str(cfg.task or (cfg.dataset.single_task if cfg.dataset is not None else ""))
