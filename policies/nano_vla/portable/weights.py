"""Weights: a checkpoint's tensors in the layout that the kernels read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np

from aegis.core.types import F32

Layer: TypeAlias = tuple[F32, F32]
"""Weight, shape (in, out), and bias, shape (out,)."""


class Weights:
    """Tensors by name, each turned once.

    Args:
        tensors: Name to tensor, as the checkpoint has them: linear layers of shape (out, in),
            convolutions of shape (out, in, height, width).
    """

    def __init__(self, tensors: Mapping[str, F32]) -> None:
        self._tensors = {name: np.asarray(value, np.float32) for name, value in tensors.items()}

    def read_vector(self, name: str) -> F32:
        """Returns a tensor with one axis. Shape (n,)."""
        return np.ascontiguousarray(self._tensors[name].ravel())

    def read_matrix(self, name: str) -> F32:
        """Returns a tensor without its leading axes of size 1. Shape (m, n)."""
        found = self._tensors[name]
        return np.ascontiguousarray(found.reshape(found.shape[-2:]))

    def read_map(self, name: str) -> F32:
        """Returns what is added to a map, cells first. Shape (1, c, s, s) to (s * s, c)."""
        found = self._tensors[name][0]
        return np.ascontiguousarray(found.reshape(len(found), -1).T)

    def read_linear(self, name: str) -> Layer:
        """Returns a linear layer. Shapes (in, out), (out,)."""
        weight = np.ascontiguousarray(self._tensors[f"{name}.weight"].T)
        return weight, self.read_vector(f"{name}.bias")

    def read_convolution(self, name: str) -> Layer:
        """Returns a convolution as a linear layer on windows. Shapes (size^2 in, out), (out,)."""
        weight = self._tensors[f"{name}.weight"].transpose(2, 3, 1, 0)
        flat = np.ascontiguousarray(weight.reshape(-1, weight.shape[-1]))
        return flat, self.read_vector(f"{name}.bias")

    def read_norm(self, name: str) -> Layer:
        """Returns a layer norm's scale and shift. Shapes (n,), (n,)."""
        return self.read_vector(f"{name}.weight"), self.read_vector(f"{name}.bias")
