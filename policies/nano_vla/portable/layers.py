"""Layers: the parts of the network, each with its weights and its memory for one row."""

from __future__ import annotations

import numpy as np

from aegis.core.types import F32, U8
from policies.nano_vla.config import NanoConfig
from policies.nano_vla.portable import kernels
from policies.nano_vla.portable.matrix_product import multiply_matrices
from policies.nano_vla.portable.weights import Layer, Weights


def apply_linear(layer: Layer, x: F32) -> F32:
    """Applies a linear layer. Shape (m, in) to (m, out)."""
    weight, bias = layer
    out = np.empty((len(x), len(bias)), np.float32)
    multiply_matrices(x, weight, bias, out)
    return out


def apply_norm(layer: Layer, x: F32) -> F32:
    """Applies a layer norm. Shape (m, n)."""
    out = np.empty_like(x)
    kernels.normalise_rows(x, *layer, out)
    return out


def apply_convolution(layer: Layer, x: F32, size: int, stride: int = 1, padding: int = 0) -> F32:
    """Applies a convolution. Shape (s, s, in) to (t, t, out)."""
    side = (len(x) + 2 * padding - size) // stride + 1
    windows = np.empty((side * side, size * size * x.shape[2]), np.float32)
    kernels.gather_windows(x.reshape(len(x), -1), x.shape[2], size, stride, padding, windows)
    return apply_linear(layer, windows).reshape(side, side, -1)


class Block:
    """A transformer block; see ``policies.nano_vla.trunk.TransformerBlock``."""

    def __init__(self, weights: Weights, name: str, heads: int) -> None:
        self._heads = heads
        self._norms = [weights.read_norm(f"{name}.norm{i}") for i in (1, 2)]
        self._qkv, self._merge, self._grow, self._shrink = (
            weights.read_linear(f"{name}.{part}") for part in ("qkv", "merge", "grow", "shrink")
        )

    def mix_tokens(self, x: F32, real: int) -> F32:
        """Mixes tokens, of which the first ``real`` may be looked at. Shape (n, width)."""
        mixed = np.empty_like(x)
        qkv = apply_linear(self._qkv, apply_norm(self._norms[0], x))
        kernels.attend_heads(qkv, self._heads, real, mixed)
        out = apply_linear(self._merge, mixed)
        kernels.add_rows(out, x)
        grown = apply_linear(self._grow, apply_norm(self._norms[1], out))
        kernels.rectify_rows(grown)
        change = apply_linear(self._shrink, grown)
        kernels.add_rows(out, change)
        return out


class Stem:
    """The eye behind one camera; see ``policies.nano_vla.vision.CameraStem``."""

    def __init__(self, weights: Weights, name: str, config: NanoConfig) -> None:
        self._enter = weights.read_convolution(f"{name}.enter")
        self._place = weights.read_map(f"{name}.place")
        self._film = weights.read_linear(f"{name}.film")
        self._relate = [
            weights.read_convolution(f"{name}.relate.{i}") for i in range(config.relations)
        ]
        self._keys, self._coarse, self._patch = (
            weights.read_convolution(f"{name}.{part}") for part in ("keys", "coarse", "patch")
        )
        cells = config.image // 4
        axis = np.array([-1.0 + 2.0 * i / (cells - 1) for i in range(cells)], np.float32)
        self.grid = np.ascontiguousarray(
            np.stack([np.tile(axis, cells), np.repeat(axis, cells)], axis=1)
        )
        self._none = np.zeros(2, np.float32)

    def see_picture(self, picture: U8, text: F32) -> tuple[F32, F32, F32, F32]:
        """Sees.

        Args:
            picture: RGB. Shape (s, s, 3).
            text: Encoded instruction. Shape (1, text).

        Returns:
            Tokens, shape ((s / 16)^2, width); keypoints in [-1, 1], shape (1, 2 k); the rectified
            map, shape (cells, cells, c); and the attention of each keypoint, shape (k, cells^2).
        """
        image = np.empty(picture.shape, np.float32)
        kernels.scale_picture(picture, image)
        x = apply_convolution(self._enter, image, 8, stride=4, padding=2)
        kernels.modulate_map(x.reshape(-1, x.shape[2]), self._place, apply_linear(self._film, text))
        for layer in self._relate:
            x = apply_convolution(layer, x, 3, padding=1)
            kernels.rectify_rows(x.reshape(-1, x.shape[2]))
        attention = np.ascontiguousarray(apply_linear(self._keys, x.reshape(-1, x.shape[2])).T)
        kernels.soften_rows(attention)
        keypoints = np.empty((len(attention), 2), np.float32)
        multiply_matrices(attention, self.grid, self._none, keypoints)
        coarse = apply_convolution(self._coarse, x, 3, stride=2, padding=1)
        kernels.rectify_rows(coarse.reshape(-1, coarse.shape[2]))
        tokens = apply_convolution(self._patch, coarse, 2, stride=2)
        return tokens.reshape(-1, tokens.shape[2]), keypoints.reshape(1, -1), x, attention


class Head:
    """The action head; see ``policies.nano_vla.flow.FlowHead``."""

    def __init__(self, weights: Weights, config: NanoConfig, moments: F32) -> None:
        self.steps = config.flow_steps
        self._noisy, self._out = (weights.read_linear(f"head.{part}") for part in ("noisy", "out"))
        self._norm = weights.read_norm("head.norm")
        self._layers = [
            (
                weights.read_norm(f"head.layers.{i}.norm"),
                weights.read_linear(f"head.layers.{i}.grow"),
                weights.read_linear(f"head.layers.{i}.shrink"),
            )
            for i in range(config.layers)
        ]
        time = weights.read_linear("head.time")
        self._moments = [apply_linear(time, row[None]) for row in moments]

    def sample_chunk(
        self, condition: F32, noise: F32, path: list[F32] | None = None
    ) -> tuple[F32, list[F32]]:
        """Follows the flow in Euler steps.

        Args:
            condition: Shape (1, hidden).
            noise: Shape (m, h * a), of m draws.
            path: Filled with the clean chunks that each step predicts, shapes (m, h * a).

        Returns:
            Normalised actions, shape (m, h * a); and what each layer put out, summed over the
            steps, shapes (m, hidden).
        """
        x = noise.copy()
        sums: list[F32] = []
        for step, moment in enumerate(self._moments):
            state = apply_linear(self._noisy, x)
            kernels.add_everywhere(state, condition, moment)
            seen = []
            for norm, grow, shrink in self._layers:
                grown = apply_linear(grow, apply_norm(norm, state))
                kernels.rectify_rows(grown)
                change = apply_linear(shrink, grown)
                kernels.add_rows(change, state)
                state = change
                seen.append(state)
            if not sums:
                sums = [np.zeros_like(one) for one in seen]
            for total, one in zip(sums, seen, strict=True):
                kernels.add_rows(total, one)
            clean = apply_linear(self._out, apply_norm(self._norm, state))
            if path is not None:
                path.append(clean)
            kernels.step_towards(x, clean, self.steps - step)
        return x, sums
