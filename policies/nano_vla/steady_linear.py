"""A linear layer on one row per observation, which can be told to round alike in any batch."""

from __future__ import annotations

import torch
from torch import Tensor, nn

BLOCK_ROWS = 8
"""Rows of the batch whose bits count."""

_MIN_ROWS = 4


class RowLinear(nn.Linear):
    """A linear layer whose input has one row per observation, not one per token.

    Matrix kernels of a CPU choose how to add up by the number of rows when there are few: one row
    is a product with a vector, and sixteen are split along the sum. Layers on tokens have hundreds
    of rows in any batch, these have as many as the batch. When ``steady``, the kernel sees blocks
    of eight rows, or at least four.
    """

    steady = False

    def forward(self, x: Tensor) -> Tensor:
        """Shapes (..., in) to (..., out)."""
        n = len(x)
        if not self.steady or x.ndim != 2 or _MIN_ROWS <= n <= BLOCK_ROWS:
            return super().forward(x)
        if n > BLOCK_ROWS:
            return torch.cat([self.forward(part) for part in torch.split(x, BLOCK_ROWS)])
        return super().forward(fill_rows(x))[:n]


def fill_rows(x: Tensor) -> Tensor:
    """Fills few rows, shape (b, n), up with copies to as many as a steady kernel must see."""
    return x if len(x) >= _MIN_ROWS else torch.cat([x] * (_MIN_ROWS // len(x) + 1))[:_MIN_ROWS]


def make_steady(net: nn.Module, steady: bool) -> None:
    """Makes every such layer of a network steady, or not."""
    for module in net.modules():
        if isinstance(module, RowLinear):
            module.steady = steady
