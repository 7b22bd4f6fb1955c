"""The product of matrices: every entry a sum in the order of its terms, whatever the batch."""

from __future__ import annotations

from aegis.core.types import F32
from aegis.host.compilation import fuse_multiply_add as fma
from aegis.host.compilation import njit_ieee


@njit_ieee
def multiply_matrices(x: F32, weight: F32, bias: F32, out: F32) -> None:
    """Writes x @ weight + bias. Shapes (m, k), (k, n), (n,), to (m, n).

    An entry is bias + x0 w0 + x1 w1 + ..., one fused term after the other, whatever m is. Two
    rows share the weights that they load, and eight terms are added per pass over a row of the
    output, which lies in the first cache; vectors run along it.
    """
    m, k = x.shape
    n = weight.shape[1]
    even, whole = m - m % 2, k - k % 8
    for i in range(m):
        for j in range(n):
            out[i, j] = bias[j]
    for i in range(0, even, 2):
        y, z, first, second = x[i], x[i + 1], out[i], out[i + 1]
        for q in range(0, whole, 8):
            y0, y1, y2, y3 = y[q], y[q + 1], y[q + 2], y[q + 3]
            y4, y5, y6, y7 = y[q + 4], y[q + 5], y[q + 6], y[q + 7]
            z0, z1, z2, z3 = z[q], z[q + 1], z[q + 2], z[q + 3]
            z4, z5, z6, z7 = z[q + 4], z[q + 5], z[q + 6], z[q + 7]
            for j in range(n):
                w0, w1, w2, w3 = weight[q, j], weight[q + 1, j], weight[q + 2, j], weight[q + 3, j]
                total = fma(y3, w3, fma(y2, w2, fma(y1, w1, fma(y0, w0, first[j]))))
                other = fma(z3, w3, fma(z2, w2, fma(z1, w1, fma(z0, w0, second[j]))))
                w0, w1 = weight[q + 4, j], weight[q + 5, j]
                w2, w3 = weight[q + 6, j], weight[q + 7, j]
                first[j] = fma(y7, w3, fma(y6, w2, fma(y5, w1, fma(y4, w0, total))))
                second[j] = fma(z7, w3, fma(z6, w2, fma(z5, w1, fma(z4, w0, other))))
    for i in range(even, m):
        y, first = x[i], out[i]
        for q in range(0, whole, 8):
            y0, y1, y2, y3 = y[q], y[q + 1], y[q + 2], y[q + 3]
            y4, y5, y6, y7 = y[q + 4], y[q + 5], y[q + 6], y[q + 7]
            for j in range(n):
                total = fma(y1, weight[q + 1, j], fma(y0, weight[q, j], first[j]))
                total = fma(y3, weight[q + 3, j], fma(y2, weight[q + 2, j], total))
                total = fma(y5, weight[q + 5, j], fma(y4, weight[q + 4, j], total))
                first[j] = fma(y7, weight[q + 7, j], fma(y6, weight[q + 6, j], total))
    for i in range(m):
        for q in range(whole, k):
            for j in range(n):
                out[i, j] = fma(x[i, q], weight[q, j], out[i, j])
