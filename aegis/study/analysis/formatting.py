"""Numerals: how a number is written, once, so that text, tables and figures agree."""

from __future__ import annotations

import math

from aegis.stats.intervals import Interval
from aegis.study.estimates import Estimate, Share

NONE = "–"
"""What stands where there is no number."""
GAP = "\u00a0"
"""Between a number and its unit: no line ends there."""


def percent(value: float, digits: int = 1) -> str:
    """Returns a share as ``12.3 %``."""
    return NONE if not math.isfinite(value) else f"{_plain(100 * value, digits)}{GAP}%"


def points(value: float, digits: int = 1) -> str:
    """Returns a difference of shares as ``+12.3 pp``, percentage points."""
    return NONE if not math.isfinite(value) else f"{_signed(100 * value, digits)}{GAP}pp"


def decimal(value: float, digits: int = 2) -> str:
    """Returns a number with a fixed number of digits."""
    return _plain(value, digits) if math.isfinite(value) else NONE


def p_value(value: float) -> str:
    """Returns a p-value: two digits, and powers of ten where it is small."""
    if not math.isfinite(value):
        return NONE
    if value == 0.0:
        return "< 1e-300"
    if value >= 0.001:
        return f"{value:.2g}" if value < 0.995 else "1"
    mantissa, _, power = f"{value:.1e}".partition("e")
    return f"{mantissa}e{int(power)}"


def bracket(ci: Interval, scale: float = 100.0, digits: int = 1, sign: bool = False) -> str:
    """Returns an interval as ``[1.0, 2.0]``; empty if it is not known."""
    if not (math.isfinite(ci.low) and math.isfinite(ci.high)):
        return ""
    write = _signed if sign else _plain
    return f"[{write(scale * ci.low, digits)}, {write(scale * ci.high, digits)}]"


def share(found: Share) -> str:
    """Returns a share, and its interval in a second line."""
    return _pair(percent(found.value), bracket(found.ci)) if found.of else NONE


def duty(found: Estimate) -> str:
    """Returns an estimated share, and its interval in a second line."""
    return _pair(percent(found.value), bracket(found.ci))


def difference(found: Estimate) -> str:
    """Returns a difference in percentage points, and its interval in a second line."""
    return _pair(points(found.value), bracket(found.ci, sign=True))


def estimate(found: Estimate, digits: int = 3) -> str:
    """Returns a plain estimate, and its interval in a second line."""
    return _pair(decimal(found.value, digits), bracket(found.ci, 1.0, digits))


def _pair(value: str, ci: str) -> str:
    return f"{value}\n{ci}" if ci and value != NONE else value


def _plain(value: float, digits: int) -> str:
    text = f"{value:.{digits}f}"
    # A rounded zero has no sign.
    text = text.lstrip("-") if float(text) == 0.0 else text
    return text.replace("-", "−")


def _signed(value: float, digits: int) -> str:
    text = _plain(value, digits)
    return text if text.startswith("−") or float(text) == 0.0 else f"+{text}"
