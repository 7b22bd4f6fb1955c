"""Numbers are written in one way."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aegis.stats.intervals import Interval
from aegis.study.analysis.formatting import (
    NO_NUMBER,
    format_decimal,
    format_interval,
    format_p_value,
    format_percent,
    format_points,
    format_share,
)
from aegis.study.estimates import Share

RATES = st.floats(-1, 1)


def parse_number(text: str) -> float:
    return float(text.split()[0].replace("−", "-"))


@given(RATES)
@example(-1e-9)
@example(0.12345)
def test_what_is_written_is_the_number(value: float) -> None:
    assert abs(parse_number(format_percent(value)) - 100 * value) <= 0.05 + 1e-9
    assert abs(parse_number(format_points(value)) - 100 * value) <= 0.05 + 1e-9
    assert abs(float(format_decimal(value, 3).replace("−", "-")) - value) <= 5e-4 + 1e-12


@given(RATES)
def test_signs(value: float) -> None:
    text = format_points(value)
    assert text[0] == ("+" if parse_number(text) > 0 else "−" if parse_number(text) < 0 else "0")
    assert not format_percent(-abs(value) / 1e6).startswith("−")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_no_number(value: float) -> None:
    assert (
        format_percent(value)
        == format_points(value)
        == format_decimal(value)
        == format_p_value(value)
        == NO_NUMBER
    )
    assert format_interval(Interval(value, 1.0)) == format_interval(Interval(0.0, value)) == ""
    assert format_share(Share(0, 0, math.nan, Interval(0.0, 1.0))) == NO_NUMBER


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.0, "1"), (0.996, "1"), (0.98, "0.98"), (0.05, "0.05"), (0.0012, "0.0012"),
     (8.5e-6, "8.5e-6"), (1e-4, "1.0e-4"), (9.96e-5, "1.0e-4"), (0.0, "< 1e-300")],
)  # fmt: skip
def test_p_values(value: float, text: str) -> None:
    assert format_p_value(value) == text


def test_intervals() -> None:
    assert format_interval(Interval(0.031, 0.076), sign=True) == "[+3.1, +7.6]"
    assert format_interval(Interval(-0.02, 0.0), sign=True) == "[−2.0, 0.0]"
    assert format_interval(Interval(0.7, 0.84), 1.0, 2) == "[0.70, 0.84]"
    assert format_share(Share(1, 8, 0.125, Interval(0.02, 0.47))) == "12.5\u00a0%\n[2.0, 47.0]"
