"""Replaying: from a bag, and settings to change, to the replay and its words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import yaml  # type: ignore[import-untyped]

from aegis.app.config.composition import ComposedConfig, compose_config, restore_config
from aegis.app.config.folders import find_config_folders
from aegis.app.config.part_builder import build_policy, read_policy_nodes
from aegis.app.config.settings import Settings
from aegis.app.robot.planning import (
    POLICIES,
    build_controller,
    build_environment,
    read_contract_node,
)
from aegis.core.errors import ConfigError, TraceError
from aegis.core.protocols import Policy
from aegis.host.child_process import call_in_child
from aegis.ros.bag import Bag
from aegis.ros.replay import Replay, ReplayResult


def replay_bag(
    path: Path, overrides: Sequence[str], config_dir: str | None, infer: bool
) -> ReplayResult:
    """Replays a bag.

    Args:
        path: Folder of the bag.
        overrides: Settings to change, to see what would have been decided.
        config_dir: Folder of configurations; None for those of AEGIS.
        infer: Whether policies compute their proposals again.

    Raises:
        TraceError: If it is no bag of ours, or damaged.
        ConfigError: If the settings change the contract.
    """
    composed = _restore_changed(Bag(path).facts, overrides, config_dir)
    # In a process of its own, since this one loaded its libraries already.
    work = partial(_replay, path, composed, infer, not overrides)
    return call_in_child(work, build_environment(Settings(composed.tree)))


def _replay(path: Path, composed: ComposedConfig, infer: bool, same: bool) -> ReplayResult:
    settings, contract = Settings(composed.tree), read_contract_node(composed)
    policies: dict[str, Policy] = {}
    try:
        for name, node in read_policy_nodes(settings, POLICIES).items():
            policies[name] = build_policy(composed, name, node)
        specs = {name: policy.spec for name, policy in policies.items()}
        controller = build_controller(composed, contract, specs)
        return Replay(Bag(path), contract, controller, policies if infer else None, same).run()
    finally:
        for policy in policies.values():
            policy.close()


def _restore_changed(
    facts: Mapping[str, Any], overrides: Sequence[str], config_dir: str | None
) -> ComposedConfig:
    """Returns the recorded configuration, with the parts that settings change."""
    name, recorded = str(facts["command"]), list(facts["overrides"])
    tree = yaml.safe_load(str(facts["config"]))
    if not isinstance(tree, dict):
        raise TraceError("The bag's configuration is no mapping.")
    if overrides:
        folders = find_config_folders(name, config_dir)
        before = compose_config(name, recorded, *folders).tree
        after = compose_config(name, [*recorded, *overrides], *folders).tree
        changed = {key for key, value in after.items() if before.get(key) != value}
        if "contract" in changed:
            raise ConfigError(
                "A recording cannot be replayed under another contract: its messages are those of "
                "the robot of then."
            )
        tree.update({key: after[key] for key in changed})
    text = yaml.safe_dump(tree, sort_keys=False)
    return restore_config(name, cast("Mapping[str, object]", tree), text)
