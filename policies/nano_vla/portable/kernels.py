"""Kernels of the network on one row's arrays: sums run in the order of their index.

Arrays are in single precision and contiguous; sums of few terms are kept in double precision.
"""

from __future__ import annotations

import math

import numpy as np

from aegis.core.types import F32, U8
from aegis.host.compilation import njit_ieee
from policies.nano_vla.portable.elementary import compute_exp
from policies.nano_vla.portable.matrix_product import multiply_matrices

_NORM_EPSILON = 1e-5
"""As torch's layer norm has it."""


@njit_ieee
def rectify_rows(x: F32) -> None:
    """Replaces what is negative by 0, in place, and keeps NaN. Shape (m, n)."""
    m, n = x.shape
    for i in range(m):
        for j in range(n):
            if x[i, j] < 0.0:
                x[i, j] = 0.0


@njit_ieee
def add_rows(x: F32, other: F32) -> None:
    """Adds to x in place. Shapes (m, n)."""
    m, n = x.shape
    for i in range(m):
        for j in range(n):
            x[i, j] += other[i, j]


@njit_ieee
def normalise_rows(x: F32, scale: F32, shift: F32, out: F32) -> None:
    """Writes the layer norm of each row. Shapes (m, n), (n,), (n,), to (m, n)."""
    m, n = x.shape
    for i in range(m):
        total = 0.0
        for j in range(n):
            total += np.float64(x[i, j])
        mean = total / n
        total = 0.0
        for j in range(n):
            apart = np.float64(x[i, j]) - mean
            total += apart * apart
        factor = 1.0 / math.sqrt(total / n + _NORM_EPSILON)
        for j in range(n):
            unit = np.float32((np.float64(x[i, j]) - mean) * factor)
            out[i, j] = unit * scale[j] + shift[j]


@njit_ieee
def soften_rows(x: F32) -> None:
    """Replaces each row by its softmax, in place; a NaN makes the whole row NaN. Shape (m, n)."""
    m, n = x.shape
    grown = np.empty(n)
    for i in range(m):
        most = x[i, 0]
        for j in range(n):
            if x[i, j] > most:
                most = x[i, j]
        for j in range(n):
            grown[j] = compute_exp(np.float64(x[i, j]) - np.float64(most))
        total = 0.0
        for j in range(n):
            total += grown[j]
        for j in range(n):
            x[i, j] = grown[j] / total


@njit_ieee
def scale_picture(picture: U8, out: F32) -> None:
    """Writes a picture in [-1, 1]. Shape (s, s, 3) to (s, s, 3)."""
    for y in range(picture.shape[0]):
        for x in range(picture.shape[1]):
            for c in range(3):
                out[y, x, c] = np.float32(picture[y, x, c]) / np.float32(127.5) - np.float32(1.0)


@njit_ieee
def gather_windows(x: F32, channels: int, size: int, stride: int, padding: int, out: F32) -> None:
    """Writes the windows that a convolution sees, with zeros beyond the edge.

    Args:
        x: Shape (s, s * channels).
        channels: Numbers in a cell.
        size: Side of a window [cells].
        stride: From one window to the next [cells].
        padding: Cells beyond each edge.
        out: Shape (t * t, size * size * channels), for t windows a side.
    """
    side, width = x.shape[0], size * channels
    windows = (side + 2 * padding - size) // stride + 1
    for i in range(windows * windows):
        top, left = i // windows * stride - padding, i % windows * stride - padding
        low, high = max(0, -left) * channels, min(size, side - left) * channels
        shift, window = left * channels, out[i]
        for y in range(size):
            begin = y * width
            if top + y < 0 or top + y >= side:
                window[begin : begin + width] = 0.0
                continue
            window[begin : begin + low] = 0.0
            window[begin + high : begin + width] = 0.0
            row = x[top + y]
            for j in range(low, high):
                window[begin + j] = row[shift + j]


@njit_ieee
def attend_heads(qkv: F32, heads: int, real: int, out: F32) -> None:
    """Writes scaled dot-product attention (Vaswani et al. 2017).

    Args:
        qkv: Queries, keys and values side by side. Shape (n, 3 * width).
        heads: Heads, each with width / heads entries.
        real: Tokens that may be looked at: the first ones.
        out: Shape (n, width).
    """
    n, width = out.shape
    size = width // heads
    keys = np.empty((size, real), np.float32)
    values = np.empty((real, size), np.float32)
    queries = np.empty((n, size), np.float32)
    scores, mixed = np.empty((n, real), np.float32), np.empty((n, size), np.float32)
    none = np.zeros(max(real, size), np.float32)
    factor = np.float32(1.0 / math.sqrt(size))
    for head in range(heads):
        begin = head * size
        for j in range(size):
            for i in range(n):
                queries[i, j] = qkv[i, begin + j] * factor
            for i in range(real):
                keys[j, i] = qkv[i, width + begin + j]
                values[i, j] = qkv[i, 2 * width + begin + j]
        multiply_matrices(queries, keys, none[:real], scores)
        soften_rows(scores)
        multiply_matrices(scores, values, none[:size], mixed)
        for i in range(n):
            for j in range(size):
                out[i, begin + j] = mixed[i, j]


@njit_ieee
def modulate_map(x: F32, place: F32, film: F32) -> None:
    """Adds ``place``, rectifies, and scales and shifts each channel, in place.

    FiLM (Perez et al. 2018). Shapes (cells, c), (cells, c), (1, 2 c).
    """
    cells, channels = x.shape
    for i in range(cells):
        for c in range(channels):
            value = x[i, c] + place[i, c]
            if value < 0.0:
                value = np.float32(0.0)
            x[i, c] = film[0, channels + c] + value * (np.float32(1.0) + film[0, c])


@njit_ieee
def add_everywhere(x: F32, condition: F32, moment: F32) -> None:
    """Adds the condition, then the moment, to each row. Shapes (m, n), (1, n), (1, n)."""
    m, n = x.shape
    for i in range(m):
        for j in range(n):
            x[i, j] = (condition[0, j] + x[i, j]) + moment[0, j]


@njit_ieee
def step_towards(x: F32, clean: F32, left: int) -> None:
    """Takes an Euler step of the flow, in place, with so many left. Shapes (m, n)."""
    m, n = x.shape
    for i in range(m):
        for j in range(n):
            x[i, j] += (clean[i, j] - x[i, j]) / np.float32(left)
