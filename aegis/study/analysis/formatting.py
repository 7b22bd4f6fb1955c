"""Formatting: one way to write each kind of number, for text, tables and figures alike."""

from __future__ import annotations

import math

from aegis.stats.intervals import Interval
from aegis.study.estimates import Estimate, Share

NO_NUMBER = "–"
"""What stands where there is no number."""
NO_BREAK_SPACE = "\u00a0"
"""Between a number and its unit: no line ends there."""


def format_percent(value: float, digits: int = 1) -> str:
    """Returns a share as ``12.3 %``."""
    return (
        NO_NUMBER
        if not math.isfinite(value)
        else f"{_format_plain(100 * value, digits)}{NO_BREAK_SPACE}%"
    )


def format_points(value: float, digits: int = 1) -> str:
    """Returns a difference of shares as ``+12.3 pp``, percentage points."""
    return (
        NO_NUMBER
        if not math.isfinite(value)
        else f"{_format_signed(100 * value, digits)}{NO_BREAK_SPACE}pp"
    )


def format_decimal(value: float, digits: int = 2) -> str:
    """Returns a number with a fixed number of digits."""
    return _format_plain(value, digits) if math.isfinite(value) else NO_NUMBER


def format_p_value(value: float) -> str:
    """Returns a p-value: two digits, and powers of ten where it is small."""
    if not math.isfinite(value):
        return NO_NUMBER
    if value == 0.0:
        return "< 1e-300"
    if value >= 0.001:
        return f"{value:.2g}" if value < 0.995 else "1"
    mantissa, _, power = f"{value:.1e}".partition("e")
    return f"{mantissa}e{int(power)}"


def format_interval(ci: Interval, scale: float = 100.0, digits: int = 1, sign: bool = False) -> str:
    """Returns an interval as ``[1.0, 2.0]``; empty if it is not known."""
    if not (math.isfinite(ci.low) and math.isfinite(ci.high)):
        return ""
    write = _format_signed if sign else _format_plain
    return f"[{write(scale * ci.low, digits)}, {write(scale * ci.high, digits)}]"


def format_share(found: Share) -> str:
    """Returns a share, and its interval in a second line."""
    return (
        _stack_interval(format_percent(found.value), format_interval(found.ci))
        if found.of
        else NO_NUMBER
    )


def format_duty(found: Estimate) -> str:
    """Returns an estimated share, and its interval in a second line."""
    return _stack_interval(format_percent(found.value), format_interval(found.ci))


def format_difference(found: Estimate) -> str:
    """Returns a difference in percentage points, and its interval in a second line."""
    return _stack_interval(format_points(found.value), format_interval(found.ci, sign=True))


def format_estimate(found: Estimate, digits: int = 3) -> str:
    """Returns a plain estimate, and its interval in a second line."""
    return _stack_interval(
        format_decimal(found.value, digits), format_interval(found.ci, 1.0, digits)
    )


def _stack_interval(value: str, ci: str) -> str:
    return f"{value}\n{ci}" if ci and value != NO_NUMBER else value


def _format_plain(value: float, digits: int) -> str:
    text = f"{value:.{digits}f}"
    # A rounded zero has no sign.
    text = text.lstrip("-") if float(text) == 0.0 else text
    return text.replace("-", "−")


def _format_signed(value: float, digits: int) -> str:
    text = _format_plain(value, digits)
    return text if text.startswith("−") or float(text) == 0.0 else f"+{text}"
