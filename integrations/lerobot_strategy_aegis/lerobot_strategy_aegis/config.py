"""Config: what can be set with ``--strategy.`` on the command line of lerobot-rollout."""

from __future__ import annotations

from dataclasses import dataclass, field

from lerobot.rollout.configs import RolloutStrategyConfig


@RolloutStrategyConfig.register_subclass("aegis")
@dataclass
class AegisStrategyConfig(RolloutStrategyConfig):  # type: ignore[misc]  # untyped here
    """The policy of ``--policy.path`` drives until a gate hands over to a stronger one.

    Attributes:
        strong: Checkpoint of the stronger policy: a folder, or a model in the hub's cache. None
            where ``settings`` name another policy, for example ``strong=openpi``.
        settings: Settings of AEGIS, as ``aegis run`` takes them: ``gate=blind``,
            ``detector.path=probe.safetensors``, ``weak.taps=["decoder:mean"]``.
        config_dir: Folder of configurations of your own; None for none.
        episodes: How many are played; None for ``--dataset.num_episodes``, or for 1 without a data
            set.
        horizon: Longest episode [control steps]; 0 for ``--dataset.episode_time_s``, or without a
            data set ``--duration``, times ``--fps``.
        reset_time_s: Time to put the scene in order between two episodes [s]; None for
            ``--dataset.reset_time_s``, or for 10 s without a data set.
        reset_to_initial_position: Whether the robot goes back to where it began between two
            episodes; None for ``--return_to_initial_position``.
        limits: Joint to its smallest and largest command, in the robot's units; for other joints
            the range of the demonstrations that the checkpoints were trained on.
        journal: File that a line of JSON per control step is written to; None for none.
    """

    strong: str | None = None
    settings: list[str] = field(default_factory=list)
    config_dir: str | None = None
    episodes: int | None = None
    horizon: int = 0
    reset_time_s: float | None = None
    reset_to_initial_position: bool | None = None
    limits: dict[str, list[float]] = field(default_factory=dict)
    journal: str | None = None
