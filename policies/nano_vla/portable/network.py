"""The network: text, pictures and body in, a chunk of actions and tapped layers out; row by row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isqrt

import numpy as np
from numpy.typing import NDArray

from aegis.core.types import F32, F64, Observation
from policies.nano_vla.config import CAMERAS, EYE_PARTS, NanoConfig
from policies.nano_vla.portable import kernels, pooling
from policies.nano_vla.portable.elementary import compute_sin_cos, compute_sines
from policies.nano_vla.portable.layers import Block, Head, Stem, apply_linear, apply_norm
from policies.nano_vla.portable.weights import Weights
from policies.nano_vla.tokenizer import PAD

ROUNDING = "fixed order, 1"
"""Name of this arithmetic; another order of any sum gets another number."""


class PortableNet:
    """A frozen network whose bits depend on no CPU and on no companion in a batch.

    Args:
        config: Sizes.
        tensors: Weights and statistics, by the names of `policies.nano_vla.model.NanoNet`.
        widths: Layers to report, and their widths; see ``policies.nano_vla.taps.Taps``.
    """

    def __init__(
        self,
        config: NanoConfig,
        tensors: Mapping[str, F32],
        widths: Mapping[str, int],
    ) -> None:
        weights = Weights(tensors)
        self.widths = dict(widths)
        self._embed = weights.read_matrix("text.embed.weight")
        self._word_order = weights.read_matrix("text.order")
        self._reader = Block(weights, "text.block", config.heads)
        self._text_norm = weights.read_norm("text.norm")
        self._stems = {name: Stem(weights, f"eyes.{name}", config) for name in CAMERAS}
        self._readout, self._order = (
            weights.read_matrix(f"trunk.{part}") for part in ("readout", "order")
        )
        self._body, self._text, self._condition = (
            weights.read_linear(f"trunk.{part}") for part in ("body", "text", "condition")
        )
        self._points = [weights.read_linear(f"trunk.keypoints.{i}") for i in range(len(CAMERAS))]
        self._blocks = [
            Block(weights, f"trunk.blocks.{i}", config.heads) for i in range(config.blocks)
        ]
        self._norm = weights.read_norm("trunk.norm")
        self._head = Head(weights, config, _embed_moments(config.flow_steps))
        self._body_mean, self._body_scale, self._action_mean, self._action_scale = (
            weights.read_vector(name)
            for name in ("body_mean", "body_scale", "action_mean", "action_scale")
        )

    def encode_sentence(self, tokens: NDArray[np.int64]) -> F32:
        """Encodes a sentence. Shape (words,) to (text,)."""
        real = int(np.count_nonzero(tokens != PAD))
        x: F32 = self._embed[tokens] + self._word_order
        x = self._reader.mix_tokens(x, real)
        pooled = np.empty((1, x.shape[1]), np.float32)
        pooling.average_rows(x, real, pooled[0])
        encoded: F32 = apply_norm(self._text_norm, pooled)[0]
        return encoded

    def run_batch(self, rows: Sequence[Observation], texts: Sequence[F32], noise: F32) -> list[F32]:
        """Computes rows, one after the other.

        Args:
            rows: What is looked at.
            texts: What ``encode_sentence`` gave for each row.
            noise: Shape (b, 1 + n, h, a).

        Returns:
            Actions, shape (b, h, a); further samples, shape (b, n, h, a); pooled activations of
            each tapped layer, shape (b, f).
        """
        parts = [self._run_row(*row) for row in zip(rows, texts, noise, strict=True)]
        return [np.stack(part) for part in zip(*parts, strict=True)]

    def trace_stages(
        self, rows: Sequence[Observation], texts: Sequence[F32], noise: F32
    ) -> dict[str, F32]:
        """Returns what each stage of ``run_batch`` puts out, by name in order. Shapes (b, n).

        Args:
            rows: What is looked at.
            texts: What ``encode_sentence`` gave for each row.
            noise: Shape (b, 1 + n, h, a).
        """
        traces = [self._trace_row(*row) for row in zip(rows, texts, noise, strict=True)]
        return {name: np.stack([trace[name] for trace in traces]) for name in traces[0]}

    def _trace_row(self, row: Observation, text: F32, noise: F32) -> dict[str, F32]:
        """Returns the stages of one row, shapes (n,); noise of shape (1 + n, h, a)."""
        seen: dict[str, F32] = {"text": text}
        condition = self._compute_condition(row, text[None], seen)
        path: list[F32] = []
        self._head.sample_chunk(condition, np.ascontiguousarray(noise[:1].reshape(1, -1)), path)
        vision = [seen[f"{name}.{part}"].ravel() for name in CAMERAS for part in EYE_PARTS]
        return {
            "text": text,
            "vision": np.concatenate(vision),
            "trunk": condition[0],
            **{f"flow {step}": clean[0] for step, clean in enumerate(path, 1)},
        }

    def _run_row(self, row: Observation, text: F32, noise: F32) -> list[F32]:
        """Computes one row; noise of shape (1 + n, h, a)."""
        seen: dict[str, F32] = {"text": text}
        condition = self._compute_condition(row, text[None], seen)
        flat = np.ascontiguousarray(noise.reshape(len(noise), -1))
        chunks, sums = self._head.sample_chunk(condition, flat)
        for i, total in enumerate(sums):
            seen[f"head.{i}"] = total[0] / np.float32(self._head.steps)
        seen["head.hidden"] = seen[f"head.{len(sums) - 1}"]
        actions = chunks.reshape(noise.shape) * self._action_scale + self._action_mean
        limited = _limit_actions(actions)
        return [limited[0], limited[1:], *(seen[name] for name in self.widths)]

    def _compute_condition(self, row: Observation, text: F32, seen: dict[str, F32]) -> F32:
        """Sees, feels and joins; notes tapped layers. Shape (1, hidden)."""
        body = (_describe_body(row.proprio) - self._body_mean) / self._body_scale
        views = [self._look_through(name, row, text, seen) for name in CAMERAS]
        points = [
            apply_linear(layer, view[1]) for layer, view in zip(self._points, views, strict=True)
        ]
        tokens = [self._readout, apply_linear(self._body, body), apply_linear(self._text, text)]
        x = np.concatenate([*tokens, *points, *(view[0] for view in views)])
        kernels.add_rows(x, self._order)
        for i, block in enumerate(self._blocks):
            x = block.mix_tokens(x, len(x))
            if f"trunk.{i}" in self.widths or "trunk.last" in self.widths:
                seen[f"trunk.{i}"] = seen["trunk.last"] = np.empty(x.shape[1], np.float32)
                pooling.average_rows(x, len(x), seen["trunk.last"])
        first = apply_norm(self._norm, x[:1])
        joined = np.concatenate([first, body, text, *(view[1] for view in views)], axis=1)
        condition = apply_linear(self._condition, joined)
        seen["trunk.condition"] = condition[0]
        return condition

    def _look_through(
        self, name: str, row: Observation, text: F32, seen: dict[str, F32]
    ) -> tuple[F32, F32]:
        """Returns a camera's tokens, (n, width), and keypoints, (1, 2 k); notes layers.

        Tapped layers are noted where they are asked for, ``EYE_PARTS`` always.
        """
        stem = self._stems[name]
        tokens, points, cells, attention = stem.see_picture(row.images[name], text)
        seen |= {
            f"{name}.{part}": out for part, out in zip(EYE_PARTS, (tokens, points), strict=True)
        }
        if f"{name}.map" in self.widths:
            width = self.widths[f"{name}.map"]
            seen[f"{name}.map"] = np.empty(width, np.float32)
            pooling.average_cells(cells, isqrt(width // cells.shape[2]), seen[f"{name}.map"])
        if f"{name}.keys" in self.widths:
            seen[f"{name}.keys"] = np.empty(4 * len(attention), np.float32)
            pooling.measure_attention(attention, stem.grid, seen[f"{name}.keys"])
        return tokens, points


def _embed_moments(steps: int) -> F32:
    """Returns sines and cosines of the flow's moments. Shape (steps, 16)."""
    rates = np.array([2.0 ** (i // 2 - 1) * (np.sqrt(2.0) if i % 2 else 1.0) for i in range(8)])
    angles: list[F64] = [np.pi * rates * (i / steps) for i in range(steps)]
    return np.array([compute_sines(row) for row in angles], np.float32)


def _describe_body(proprio: F32) -> F32:
    """Replaces axis-angle by two columns of the rotation matrix (Rodrigues).

    See ``policies.nano_vla.model.body_features``. Shape (8,) to (1, 11).
    """
    turn = proprio[3:6].astype(np.float64)
    angle = float(np.sqrt(turn[0] * turn[0] + turn[1] * turn[1] + turn[2] * turn[2]))
    axis = turn / max(angle, 1e-8)
    sin, cos = compute_sin_cos(angle)
    a, b, c = axis
    rest = 1.0 - cos
    first = (cos + rest * a * a, sin * c + rest * a * b, -sin * b + rest * a * c)
    second = (-sin * c + rest * b * a, cos + rest * b * b, sin * a + rest * b * c)
    return np.array([[*proprio[:3], *first, *second, *proprio[6:]]], np.float32)


def _limit_actions(actions: F32) -> F32:
    """Limits deltas to [-1, 1], and makes the gripper -1 or 1; NaN stays. Shape (..., a)."""
    out = np.clip(actions, np.float32(-1.0), np.float32(1.0))
    grip = actions[..., -1]
    out[..., -1] = np.where(np.isnan(grip), grip, np.where(grip >= 0, 1.0, -1.0))
    return out
