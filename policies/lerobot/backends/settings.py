"""Settings of checkpoints that no backend can run, whatever the type."""

from __future__ import annotations

from typing import Any

from aegis.core.errors import CheckpointError


def check_common_settings(kind: str, config: Any) -> None:
    """Refuses what no backend can run.

    Args:
        kind: Type of policy.
        config: Its settings.

    Raises:
        CheckpointError: If a setting is not supported.
    """
    rtc = getattr(config, "rtc_config", None)
    refused = {
        "use_peft": (
            config.use_peft,
            "merge the adapter into the weights and save the whole policy",
        ),
        "rtc_config.enabled": (rtc is not None and rtc.enabled, "save it with rtc_config=null"),
        "adapt_to_pi_aloha": (
            getattr(config, "adapt_to_pi_aloha", False),
            "only policies that speak the robot's own units can be run",
        ),
        "use_relative_actions": (
            getattr(config, "use_relative_actions", False),
            "train with use_relative_actions=false",
        ),
    }
    for name, (is_set, remedy) in refused.items():
        if is_set:
            raise CheckpointError(f"This {kind} has {name}=true, which is not supported: {remedy}.")
    if config.env_state_feature is not None:
        raise CheckpointError(
            f"This {kind} reads observation.environment_state, the simulator's truth, which no "
            "robot has. Allowed inputs: pictures, observation.state, the instruction."
        )
    if not config.image_features:
        raise CheckpointError(f"This {kind} looks at no picture. It needs one, at least.")
    for part, feature in (
        ("observation.state in input_features", config.robot_state_feature),
        ("action in output_features", config.action_feature),
    ):
        if feature is None:
            raise CheckpointError(f"The config.json of this {kind} has no {part}.")


def require_one_observation(kind: str, config: Any) -> None:
    """Refuses a history where the type's network cannot read one.

    Raises:
        CheckpointError: If the policy looks at more than one tick.
    """
    if config.n_obs_steps != 1:
        raise CheckpointError(
            f"This {kind} has n_obs_steps={config.n_obs_steps}. Allowed: 1; only Diffusion reads "
            "earlier observations."
        )
