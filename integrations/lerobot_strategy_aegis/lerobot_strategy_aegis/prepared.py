"""Prepared rollout: all that a rollout needs, built and tried before anything moves."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from aegis.app.config.settings import Settings
from aegis.core.controller import Controller
from aegis.core.protocols import Policy
from aegis.core.types import EpisodeKey, PolicyId
from lerobot_strategy_aegis.config import AegisStrategyConfig
from lerobot_strategy_aegis.episode import RobotEpisode
from lerobot_strategy_aegis.flags import check_flags, find_task
from lerobot_strategy_aegis.interface import RobotInterface
from lerobot_strategy_aegis.journal import Journal
from lerobot_strategy_aegis.limits import RolloutLimits, read_limits
from lerobot_strategy_aegis.parts import (
    build_controller,
    build_policies,
    check_policies,
    compose_rollout,
)

_SUITE, _START = "lerobot", "rollout"

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PreparedRollout:
    """A robot with what drives it.

    Attributes:
        robot: The robot.
        controller: It decides.
        policies: Policies behind its rungs.
        journal: Where decisions are written.
        root: Root seed of noise and random gates.
        limits: How much is played.
    """

    robot: RobotInterface
    controller: Controller
    policies: Mapping[PolicyId, Policy]
    journal: Journal
    root: int
    limits: RolloutLimits

    def begin_episode(self, number: int) -> RobotEpisode:
        """Begins an episode where the robot is now.

        Args:
            number: Of the episode; it addresses noise and random gates.
        """
        key = EpisodeKey(self.root, _SUITE, 0, _START, number)
        sensed = self.robot.sense(time.monotonic_ns())
        return RobotEpisode(self.controller, self.policies, self.robot, key, sensed)

    def close(self) -> None:
        """Frees policies and journal; one that fails keeps no other from it."""
        with ExitStack() as stack:
            stack.callback(self.journal.close)
            for policy in self.policies.values():
                stack.callback(policy.close)


def prepare_rollout(context: Any, config: AegisStrategyConfig) -> PreparedRollout:
    """Builds what drives, and lets every policy think once about what the robot senses.

    Args:
        context: LeRobot's ``RolloutContext``.
        config: Of the strategy.

    Raises:
        AegisError: If a flag, a setting or a checkpoint cannot be used on this robot.
    """
    cfg = context.runtime.cfg
    check_flags(cfg, config)
    place, limits = str(cfg.policy.pretrained_path), read_limits(cfg, config)
    robot = RobotInterface(context, find_task(cfg))
    composed = compose_rollout(config, place, cfg.rename_map, limits.horizon, robot.picture_sizes)
    # LeRobot has loaded the first policy, too; it is not asked, so its memory is given back.
    context.policy.policy.to("meta")
    policies = build_policies(composed)
    try:
        sensed = robot.sense(time.monotonic_ns())
        robot.find_position(sensed)  # A robot that cannot hold still is refused now.
        check_policies(policies, robot, sensed)
        controller = build_controller(composed, config, policies, robot, 1 / cfg.fps)
        journal = Journal(config.journal)
    except BaseException:
        for policy in policies.values():
            policy.close()
        raise
    named = (f"{name} {policy.spec.digest[:16]}" for name, policy in policies.items())
    _logger.info("AEGIS is ready: %s", "; ".join(named))
    root = Settings(composed.tree).integer("seed", 0)
    return PreparedRollout(robot, controller, policies, journal, root, limits)
