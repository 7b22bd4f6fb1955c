"""A picture to tokens and keypoints, through convolutions that have read the instruction."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as fn

from policies.nano_vla.config import NanoConfig
from policies.nano_vla.steady_linear import RowLinear


class CameraStem(nn.Module):
    """The eye behind one camera.

    The text scales and shifts the features at 1/4 of the picture (FiLM, Perez et al. 2018), so
    the keypoints (spatial softmax, Levine et al. 2016) can follow the object that is meant. The
    expectation over the map resolves far less than a cell, which 64 px pictures need.
    """

    def __init__(self, config: NanoConfig) -> None:
        super().__init__()
        fine, coarse = config.stem
        cells = config.image // 4
        self.enter = nn.Conv2d(3, fine, 8, stride=4, padding=2)
        self.place = nn.Parameter(torch.zeros(1, fine, cells, cells))
        self.film = RowLinear(config.text, 2 * fine)
        self.relate = nn.ModuleList(
            nn.Conv2d(fine, fine, 3, padding=1) for _ in range(config.relations)
        )
        self.keys = nn.Conv2d(fine, config.keypoints, 1)
        self.coarse = nn.Conv2d(fine, coarse, 3, stride=2, padding=1)
        self.patch = nn.Conv2d(coarse, config.width, 2, stride=2)
        axis = torch.linspace(-1.0, 1.0, cells)
        grid = torch.stack([axis.repeat(cells), axis.repeat_interleave(cells)], dim=1)
        self.register_buffer("grid", grid, persistent=False)
        self.grid: Tensor

    def forward(self, image: Tensor, text: Tensor) -> tuple[Tensor, Tensor]:
        """Sees.

        Args:
            image: Shape (b, 3, s, s), about zero mean and unit range, channels last in memory.
            text: Pooled instruction. Shape (b, text).

        Returns:
            Tokens, shape (b, (s / 16)^2, width), and keypoints in [-1, 1], shape (b, 2 k).
        """
        x = fn.relu_(self.enter(image) + self.place)
        scale, shift = self.film(text)[:, :, None, None].chunk(2, dim=1)
        x = torch.addcmul(shift, x, 1 + scale)
        for layer in self.relate:
            x = fn.relu_(layer(x))
        attention = self.keys(x).flatten(2).softmax(dim=2)
        keypoints = self._mean_positions(attention).flatten(1)
        tokens = self.patch(fn.relu_(self.coarse(x))).flatten(2).transpose(1, 2)
        return tokens, keypoints

    def _mean_positions(self, attention: Tensor) -> Tensor:
        """Returns the mean place under each map, shape (b, k, cells) to (b, k, 2).

        In full precision: cells are coarse.
        """
        if attention.device.type == "cpu" and not torch.is_autocast_enabled("cpu"):
            return attention @ self.grid
        with torch.autocast(attention.device.type, enabled=False):
            return attention.float() @ self.grid
