"""Diffusion Policy: a U-Net that denoises a chunk under the features of a few observations."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor

from aegis.core.errors import CheckpointError
from policies.lerobot.backends.backend import Backend
from policies.lerobot.processors import STATE
from policies.lerobot.taps import Layer, put_channels_last


class DiffusionBackend(Backend):
    """Computes a Diffusion Policy that is sampled with DDIM.

    The network predicts ``config.horizon`` rows, from the first observation on; as in LeRobot, the
    chunk is the ``n_action_steps`` of them that begin at the present.
    """

    def __init__(self, policy: Any) -> None:
        super().__init__(policy)
        config = self.config
        self.noise_shape = (config.horizon, config.action_feature.shape[0])
        self.horizon, self.observations = config.n_action_steps, config.n_obs_steps
        unet = policy.diffusion.unet
        layers = {
            f"unet.{part}.{i}": Layer(
                f"diffusion.unet.{part}_modules.{i}{inner}", put_channels_last, per_step=True
            )
            for part, count, inner in (
                ("down", len(unet.down_modules), ".1"),
                ("mid", len(unet.mid_modules), ""),
                ("up", len(unet.up_modules), ".1"),
            )
            for i in range(count)
        }
        ticks = partial(_split_ticks, count=self.observations)
        if config.use_separate_rgb_encoder_per_camera:
            cameras = range(len(config.image_features))
            layers |= {f"rgb.{i}": Layer(f"diffusion.rgb_encoder.{i}", ticks) for i in cameras}
        else:
            many = self.observations * len(config.image_features)
            ticks = partial(_split_ticks, count=many)
            layers["rgb"] = Layer("diffusion.rgb_encoder", ticks)
        self.layers = layers

    @classmethod
    def check_settings(cls, config: Any, name: str) -> None:
        """Refuses noise that is drawn while denoising: arms could not be paired."""
        if config.noise_scheduler_type != "DDIM":
            raise CheckpointError(
                f"This diffusion is sampled with {config.noise_scheduler_type}, which draws noise "
                "of its own at every step, so that arms could not be paired. Set "
                f"{name}.scheduler=DDIM: the same weights, sampled without it; and fewer steps, "
                f"for example {name}.steps=10."
            )
        if config.n_action_steps > config.horizon - config.n_obs_steps + 1:
            raise CheckpointError(
                f"This diffusion has n_action_steps={config.n_action_steps}; of its "
                f"horizon={config.horizon} with n_obs_steps={config.n_obs_steps}, at most "
                f"{config.horizon - config.n_obs_steps + 1} lie in the future."
            )

    def prefix(self, batch: dict[str, Any]) -> Tensor:
        """Encodes the observations. Shape (b, c)."""
        keys = list(self.config.image_features)
        seen = {
            STATE: _add_ticks(batch[STATE], 3),
            # Rows, ticks, cameras, channels, height, width.
            "observation.images": torch.stack([_add_ticks(batch[key], 5) for key in keys], dim=2),
        }
        condition: Tensor = self.policy.diffusion._prepare_global_conditioning(seen)
        return condition

    def repeat(self, prefix: Tensor, count: int) -> Tensor:
        """Repeats rows; see :class:`Backend`."""
        return prefix.repeat_interleave(count, 0)

    def draw(self, prefix: Tensor, noise: Tensor) -> Tensor:
        """Draws chunks; see :class:`Backend`."""
        rows: Tensor = self.policy.diffusion.conditional_sample(
            len(prefix), global_cond=prefix, noise=noise
        )
        begin = self.observations - 1
        return rows[:, begin : begin + self.horizon]


def _add_ticks(values: Tensor, ndim: int) -> Tensor:
    """Returns values with an axis of ticks behind that of rows, if they have none."""
    return values if values.ndim == ndim else values.unsqueeze(1)


def _split_ticks(out: Tensor, count: int) -> Tensor:
    """Returns features with a row's pictures as tokens. Shape (b * n, f) to (b, n, f)."""
    return out.reshape(-1, count, *out.shape[1:])
