"""The action head: turns explicit noise into a chunk of actions along a learned flow."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as fn

from policies.nano_vla.config import NanoConfig
from policies.nano_vla.steady_linear import RowLinear, fill_rows

_TIME_FREQUENCIES = 8


class HeadLayer(nn.Module):
    """A residual layer of the action head."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.grow = RowLinear(width, width)
        self.shrink = RowLinear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Shapes (..., width)."""
        out: Tensor = x + self.shrink(fn.relu_(self.grow(self.norm(x))))
        return out


class FlowHead(nn.Module):
    """Flow matching on straight paths (Lipman et al. 2023) that predicts the clean actions.

    On the path x(t) = (1 - t) noise + t clean the velocity is (clean - x) / (1 - t), so the
    clean chunk says as much as the velocity, has the scale of an action at every t, and turns
    the last Euler step into the prediction itself: no noise is left in a command.
    """

    def __init__(self, config: NanoConfig) -> None:
        super().__init__()
        flat = config.horizon * config.action
        self.steps = config.flow_steps
        self.noisy = RowLinear(flat, config.hidden)
        self.time = RowLinear(2 * _TIME_FREQUENCIES, config.hidden)
        self.layers = nn.ModuleList(HeadLayer(config.hidden) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.hidden)
        self.out = RowLinear(config.hidden, flat)
        frequencies = math.pi * 2.0 ** (torch.arange(_TIME_FREQUENCIES) / 2 - 1)
        self.register_buffer("frequencies", frequencies, persistent=False)
        self.frequencies: Tensor
        self._moments: list[Tensor] = []

    def forward(self, condition: Tensor, noisy: Tensor, time: Tensor) -> Tensor:
        """Predicts the clean chunk.

        Args:
            condition: Shape (..., hidden).
            noisy: Shape (..., h * a).
            time: 0 is noise, 1 is clean. Shape (..., 1).

        Returns:
            Shape (..., h * a).
        """
        return self._predict_clean(condition, noisy, self._embed_time(time))

    def prepare_moments(self, rows: int) -> None:
        """Computes once what the moments of the flow add, for a network that learns no more.

        Args:
            rows: Of so many equal rows one is kept, so that bits are those of such a batch.
        """
        like = self.frequencies
        times = [like.new_full((rows, 1), i / self.steps) for i in range(self.steps)]
        self._moments = [self._embed_time(time)[:1].clone() for time in times]

    def sample_chunk(self, condition: Tensor, noise: Tensor) -> Tensor:
        """Follows the flow from noise to actions in Euler steps. Shapes (b, h * a).

        Few rows are filled up here, once, where every layer would do it; taps see the copies.
        """
        x = noise
        if self.out.steady:
            condition, x = fill_rows(condition), fill_rows(x)
        for i in range(self.steps):
            if self._moments:
                moment = self._moments[i]
            else:
                moment = self._embed_time(x.new_full((len(x), 1), i / self.steps))
            clean = self._predict_clean(condition, x, moment)
            # The velocity at time t = i / steps is (clean - x) / (1 - t), and a step lasts 1 /
            # steps.
            x = x + (clean - x) / (self.steps - i)
        return x[: len(noise)]

    def compute_loss(self, condition: Tensor, clean: Tensor, noise: Tensor, time: Tensor) -> Tensor:
        """Returns the mean squared error of the predicted clean chunk.

        Args:
            condition: Shape (b, hidden).
            clean: Shape (b, h * a).
            noise: Several draws per sample. Shape (b, m, h * a).
            time: Shape (b, m, 1).
        """
        target = clean[:, None].expand_as(noise)
        guess = self(condition[:, None], torch.lerp(noise, target, time), time)
        return fn.mse_loss(guess, target)

    def _embed_time(self, time: Tensor) -> Tensor:
        """Embeds times in [0, 1]. Shape (..., 1) to (..., hidden)."""
        angle = time * self.frequencies
        out: Tensor = self.time(torch.cat([angle.sin(), angle.cos()], -1))
        return out

    def _predict_clean(self, condition: Tensor, noisy: Tensor, moment: Tensor) -> Tensor:
        """Predicts clean chunks, shape (..., h * a), from noisy ones at embedded moments."""
        x = condition + self.noisy(noisy) + moment
        for layer in self.layers:
            x = layer(x)
        clean: Tensor = self.out(self.norm(x))
        return clean
