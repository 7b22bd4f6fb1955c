"""Parts: policies and controller of a rollout, built from LeRobot's flags and AEGIS's settings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from aegis.app.config.arm_builder import KnownParts, build_run_arm
from aegis.app.config.composition import ComposedConfig, compose_config
from aegis.app.config.folders import find_config_folders
from aegis.app.config.part_builder import build_detectors, build_policy, read_policy_nodes
from aegis.app.config.settings import Settings
from aegis.app.config.shared_conventions import merge_conventions
from aegis.core.capabilities import SpecChecker
from aegis.core.controller import Controller
from aegis.core.errors import ConfigError, ShapeError
from aegis.core.protocols import Policy, Query
from aegis.core.types import EpisodeKey, PolicyId
from aegis.records.part_identity import PartOrigins
from lerobot_strategy_aegis.action_range import join_ranges, read_action_range
from lerobot_strategy_aegis.config import AegisStrategyConfig
from lerobot_strategy_aegis.interface import RobotInterface, Sensed, check_limits
from policies.lerobot.checkpoint import CONFIG, find_folder, read_json
from policies.lerobot.policy import LeRobotPolicy
from policies.lerobot.views import EMPTY_CAMERA, PREFIX

_ROOT = "lerobot_rollout"
_CONFIGS = Path(__file__).parent / "configs"
_TRIAL = EpisodeKey(0, "lerobot", 0, "trial", 0)
"""Address of the question that is asked before anything moves."""


def compose_rollout(
    config: AegisStrategyConfig,
    weak: str,
    renamed: Mapping[str, str],
    horizon: int,
    sizes: Mapping[str, tuple[int, int]],
) -> ComposedConfig:
    """Composes what drives: LeRobot's flags first, then the settings that were typed.

    Args:
        config: Of the strategy.
        weak: Checkpoint of the policy that drives first.
        renamed: The robot's picture key to the policy's, from ``--rename_map``.
        horizon: Longest episode [control steps].
        sizes: Camera of the robot to height and width of its pictures [px].

    Raises:
        AegisError: If a setting or a checkpoint cannot be used.
    """
    words = [f"horizon={horizon}", *_list_checkpoint_words("weak", weak, renamed, sizes)]
    if config.strong is not None:
        words += _list_checkpoint_words("strong", config.strong, renamed, sizes)
    folders = [_CONFIGS, *find_config_folders(_ROOT, config.config_dir)]
    # A folder of the user's own comes before ours.
    folders = [*folders[1:-1], _CONFIGS, folders[-1]]
    return compose_config(_ROOT, [*words, *config.settings], *folders)


def build_policies(composed: ComposedConfig) -> dict[PolicyId, Policy]:
    """Builds the policies; where one fails, those before are closed.

    Raises:
        AegisError: If one cannot be built.
    """
    policies: dict[PolicyId, Policy] = {}
    try:
        nodes = read_policy_nodes(Settings(composed.tree), ("weak", "strong"))
        for name, node in nodes.items():
            policies[name] = build_policy(composed, name, node)
    except BaseException:
        for policy in policies.values():
            policy.close()
        raise
    return policies


def check_policies(
    policies: Mapping[PolicyId, Policy], robot: RobotInterface, sensed: Sensed
) -> None:
    """Lets every policy think about what the robot senses, before anything moves.

    Raises:
        AegisError: If a policy cannot look at it, proposes no actions of this robot, or means
            something else by its numbers than another one.
    """
    merge_conventions(policies)
    for name, policy in policies.items():
        spec = policy.spec
        if spec.privileged:
            raise ConfigError(f"'{name}' reads simulator truth, which a robot has not.")
        robot.check_cameras(spec)
        obs = robot.build_observation(sensed, spec)
        past = tuple(obs for back in spec.history if back)
        (proposal,) = policy.propose([Query(_TRIAL, 0, obs, past=past)])
        if proposal is None or proposal.actions.shape[1:] != (len(robot.names),):
            given = "nothing" if proposal is None else f"actions of {proposal.actions.shape[1:]}"
            raise ShapeError(
                f"Policy '{name}' gives {given}; this robot takes {len(robot.names)} numbers: "
                f"{', '.join(robot.names)}. Choose a checkpoint that was trained on this robot."
            )
        if not np.isfinite(proposal.actions).all():
            raise ShapeError(f"Policy '{name}' proposes NaN for what the robot senses now.")


def build_controller(
    composed: ComposedConfig,
    config: AegisStrategyConfig,
    policies: Mapping[PolicyId, Policy],
    robot: RobotInterface,
    period: float,
) -> Controller:
    """Builds detectors, gate, switch and controller.

    Args:
        composed: What drives.
        config: Of the strategy.
        policies: The policies.
        robot: The robot.
        period: Control period [s].

    Raises:
        AegisError: If the parts cannot work together, or the limits of a joint are not known.
    """
    settings, origins = Settings(composed.tree), PartOrigins()
    specs = {name: policy.spec for name, policy in policies.items()}
    detectors = build_detectors(composed, settings, origins)
    for detector in detectors:
        if isinstance(detector, SpecChecker):
            detector.check(specs["weak"])
    check_limits(config.limits, robot.names)
    typed = {name: (float(low), float(high)) for name, (low, high) in config.limits.items()}
    nodes = read_policy_nodes(settings, ("weak", "strong"))
    folders = [str(nodes[n]["folder"]) for n, p in policies.items() if _is_lerobot(p)]
    known = join_ranges(read_action_range(folder, robot.names) for folder in folders)
    embodiment = robot.build_embodiment({**known, **typed}, period)
    horizon = settings.integer("horizon", 1)
    parts = KnownParts(composed, settings, embodiment, horizon, specs, detectors, origins)
    return build_run_arm(parts).controller


def _is_lerobot(policy: Policy) -> bool:
    return isinstance(policy, LeRobotPolicy)


def _list_checkpoint_words(
    part: PolicyId,
    place: str,
    renamed: Mapping[str, str],
    sizes: Mapping[str, tuple[int, int]],
) -> list[str]:
    """Returns the settings of a checkpoint of LeRobot that drives one robot.

    Each picture is that of the camera that LeRobot would give it, in the camera's own size, which
    the checkpoint's processors then change as they like; robots do not mirror pictures.
    """
    keys = {policy_key: robot_key for robot_key, policy_key in renamed.items()}
    inputs = read_json(find_folder(place) / CONFIG).get("input_features", {})
    names = {
        key.removeprefix(PREFIX): keys.get(key, key).removeprefix(PREFIX)
        for key, feature in inputs.items()
        if feature.get("type") == "VISUAL" and not key.removeprefix(PREFIX).startswith(EMPTY_CAMERA)
    }
    views = ", ".join(_quote_view(name, camera, sizes) for name, camera in names.items())
    # Checkpoints do not say which robot their numbers belong to, and LeRobot does not ask.
    said = [f"{part}.{name}=''" for name in ("proprio", "actions", "gripper")]
    return [
        f"{part}.folder={_quote(place)}",
        f"{part}.views={{{views}}}",
        f"{part}.batch=1",
        *said,
    ]


def _quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _quote_view(name: str, camera: str, sizes: Mapping[str, tuple[int, int]]) -> str:
    """Returns a view as a setting; a camera that the robot has not is refused later, by name."""
    size = f", size: {list(sizes[camera])}" if camera in sizes else ""
    return f"{name}: {{camera: {_quote(camera)}, mirror: false{size}}}"
