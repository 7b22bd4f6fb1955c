"""Pooling: what is left of a tapped layer, in a few numbers; see ``policies.nano_vla.taps``."""

from __future__ import annotations

import numpy as np

from aegis.core.types import F32
from aegis.host.compilation import njit_ieee
from policies.nano_vla.portable.elementary import replace_by_logs


@njit_ieee
def average_rows(x: F32, count: int, out: F32) -> None:
    """Writes the sum of the first rows divided by their number. Shape (m, n) to (n,)."""
    for j in range(x.shape[1]):
        total = np.float32(0.0)
        for i in range(count):
            total += x[i, j]
        out[j] = total / np.float32(count)


@njit_ieee
def average_cells(x: F32, side: int, out: F32) -> None:
    """Writes the means of ``side`` by ``side`` parts of a map. Shape (s, s, c) to (c * side^2,)."""
    size = x.shape[0] // side
    for c in range(x.shape[2]):
        for i in range(side * side):
            top, left = i // side * size, i % side * size
            total = np.float32(0.0)
            for y in range(top, top + size):
                for z in range(left, left + size):
                    total += x[y, z, c]
            out[c * side * side + i] = total / np.float32(size * size)


@njit_ieee
def measure_attention(attention: F32, grid: F32, out: F32) -> None:
    """Writes where each keypoint looks, and how sure it is.

    Mean x and mean y in [-1, 1], then peaks and entropies [nat], k of each. Shapes (k, cells),
    (cells, 2), to (4 k,).
    """
    k, cells = attention.shape
    logs = np.empty(cells)
    for i in range(k):
        for j in range(cells):
            logs[j] = np.float64(attention[i, j]) + 1e-9
        replace_by_logs(logs)
        x, y, peak, entropy = 0.0, 0.0, 0.0, 0.0
        for j in range(cells):
            share = np.float64(attention[i, j])
            x += share * grid[j, 0]
            y += share * grid[j, 1]
            peak = max(peak, share)
            entropy -= share * logs[j]
        out[i], out[k + i], out[2 * k + i], out[3 * k + i] = x, y, peak, entropy
