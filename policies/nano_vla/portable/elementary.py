"""Elementary functions in double precision, from additions, multiplications and divisions alone.

The C library's depend on its release, and numpy's and torch's on the width of the CPU's vectors.
"""

from __future__ import annotations

import math

import numpy as np

from aegis.core.types import F64
from aegis.host.compilation import njit_ieee

# pi / 2 in two parts; products of the first with small whole numbers are exact.
_HALF_PI_HIGH, _HALF_PI_LOW = 1.57079632673412561417, 6.07710050650619224932e-11
_LN2 = 0.6931471805599453
_LEAST_EXPONENT = -104.0
"""Below, e^x is 0 in single precision."""
_MANTISSA, _ONE = 0x000F_FFFF_FFFF_FFFF, 0x3FF0_0000_0000_0000
_SQRT2 = 1.4142135623730951


@njit_ieee
def compute_exp(x: float) -> float:
    """Returns e^x for x of at most 0, to a relative 1e-13: a Taylor series of x / 256, squared.

    Eight squarings instead of a power of two: there is no branch, so that vectors may run along
    a softmax.
    """
    if x < _LEAST_EXPONENT:
        x = _LEAST_EXPONENT
    r = x * 0.00390625
    total = 1.0 + r * (1.0 / 11.0)
    total = 1.0 + r * total * (1.0 / 10.0)
    total = 1.0 + r * total * (1.0 / 9.0)
    total = 1.0 + r * total * (1.0 / 8.0)
    total = 1.0 + r * total * (1.0 / 7.0)
    total = 1.0 + r * total * (1.0 / 6.0)
    total = 1.0 + r * total * 0.2
    total = 1.0 + r * total * 0.25
    total = 1.0 + r * total * (1.0 / 3.0)
    total = 1.0 + r * total * 0.5
    total = 1.0 + r * total
    total *= total
    total *= total
    total *= total
    total *= total
    total *= total
    total *= total
    total *= total
    return total * total


@njit_ieee
def replace_by_logs(x: F64) -> None:
    """Replaces positive, normal numbers by their natural logarithms, in place. Shape (n,).

    ln(m 2^e) = e ln 2 + 2 atanh((m - 1) / (m + 1)), by the series of atanh; to 1e-13.
    """
    bits = x.view(np.int64)
    for i in range(len(x)):
        power = float((bits[i] >> 52) - 1023)
        bits[i] = (bits[i] & _MANTISSA) | _ONE
        mantissa = x[i]
        if mantissa > _SQRT2:
            mantissa *= 0.5
            power += 1.0
        s = (mantissa - 1.0) / (mantissa + 1.0)
        square = s * s
        total = square * (1.0 / 17.0) + (1.0 / 15.0)
        total = square * total + (1.0 / 13.0)
        total = square * total + (1.0 / 11.0)
        total = square * total + (1.0 / 9.0)
        total = square * total + (1.0 / 7.0)
        total = square * total + 0.2
        total = square * total + (1.0 / 3.0)
        total = square * total + 1.0
        x[i] = power * _LN2 + 2.0 * s * total


@njit_ieee
def compute_sin_cos(x: float) -> tuple[float, float]:
    """Returns sine and cosine of an angle [rad] of at most some thousand."""
    turns = math.floor(x / (_HALF_PI_HIGH + _HALF_PI_LOW) + 0.5)
    r = (x - turns * _HALF_PI_HIGH) - turns * _HALF_PI_LOW
    square = r * r
    sin, cos = 1.0, 1.0
    for n in range(16, 0, -2):
        cos = 1.0 - square * cos / (n * (n - 1))
        sin = 1.0 - square * sin / (n * (n + 1))
    sin *= r
    quarter = int(turns) % 4
    if quarter == 0:
        return sin, cos
    if quarter == 1:
        return cos, -sin
    if quarter == 2:
        return -sin, -cos
    return -cos, sin


@njit_ieee
def compute_sines(angles: F64) -> F64:
    """Returns the sines, then the cosines, of angles [rad]. Shape (n,) to (2 n,)."""
    n = len(angles)
    out = np.empty(2 * n)
    for i in range(n):
        out[i], out[n + i] = compute_sin_cos(angles[i])
    return out
