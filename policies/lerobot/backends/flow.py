"""Flow: what the policies share that integrate a velocity field from noise to actions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from policies.lerobot.backends.backend import Backend
from policies.lerobot.backends.settings import require_one_observation


@dataclass(frozen=True, slots=True)
class FlowPrefix:
    """Keys and values of what a policy sees and reads, for every layer of its language model.

    Attributes:
        mask: Which tokens are none of padding. Shape (b, n).
        cache: Of transformers; drawing restores it after each step.
        state: Proprioception, where the network reads it at every step; else None. Shape (b, s).
    """

    mask: Tensor
    cache: Any
    state: Tensor | None = None


class FlowBackend(Backend):
    """Draws chunks by Euler steps from one prefix."""

    def __init__(self, policy: Any) -> None:
        super().__init__(policy)
        self.noise_shape = (self.config.chunk_size, self.config.max_action_dim)
        self.horizon = self.config.chunk_size

    @classmethod
    def check_settings(cls, config: Any, name: str) -> None:
        """Refuses a history of observations."""
        del name  # What is to be changed stands in the checkpoint.
        require_one_observation(config.type, config)

    @property
    def steps(self) -> int:
        """Denoising steps."""
        return int(self.config.num_inference_steps)

    def repeat(self, prefix: FlowPrefix, count: int) -> FlowPrefix:
        """Repeats rows; see :class:`Backend`."""
        from transformers import DynamicCache

        many = DynamicCache()
        for number, layer in enumerate(prefix.cache.layers):
            keys = layer.keys.repeat_interleave(count, 0)
            many.update(keys, layer.values.repeat_interleave(count, 0), number)
        state = None if prefix.state is None else prefix.state.repeat_interleave(count, 0)
        return FlowPrefix(prefix.mask.repeat_interleave(count, 0), many, state)

    def draw(self, prefix: FlowPrefix, noise: Tensor) -> Tensor:
        """Draws chunks; see :class:`Backend`."""
        from lerobot.policies.common.flow_matching import euler_integrate

        def compute_velocity(noisy: Tensor, time: Tensor) -> Tensor:
            state = {} if prefix.state is None else {"state": prefix.state}
            velocity: Tensor = self.policy.model.denoise_step(
                prefix_pad_masks=prefix.mask,
                past_key_values=prefix.cache,
                x_t=noisy,
                timestep=time,
                **state,
            )
            return velocity

        chunk: Tensor = euler_integrate(compute_velocity, noise, self.steps)
        return chunk[..., : self.config.action_feature.shape[0]]

    def find_mask(self, prefix: FlowPrefix) -> Tensor:
        """Returns which tokens are none of padding. Shape (b, n)."""
        return prefix.mask


def count_places(mask: Tensor) -> Tensor:
    """Returns the position of every token, padding not counted. Shape (b, n)."""
    return torch.cumsum(mask, dim=1) - 1
