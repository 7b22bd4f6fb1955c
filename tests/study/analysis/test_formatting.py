"""Numbers are written in one way."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aegis.stats.intervals import Interval
from aegis.study.analysis.formatting import NONE, bracket, decimal, p_value, percent, points, share
from aegis.study.estimates import Share

RATES = st.floats(-1, 1)


def read(text: str) -> float:
    return float(text.split()[0].replace("−", "-"))


@given(RATES)
@example(-1e-9)
@example(0.12345)
def test_what_is_written_is_the_number(value: float) -> None:
    assert abs(read(percent(value)) - 100 * value) <= 0.05 + 1e-9
    assert abs(read(points(value)) - 100 * value) <= 0.05 + 1e-9
    assert abs(float(decimal(value, 3).replace("−", "-")) - value) <= 5e-4 + 1e-12


@given(RATES)
def test_signs(value: float) -> None:
    text = points(value)
    assert text[0] == ("+" if read(text) > 0 else "−" if read(text) < 0 else "0")
    assert not percent(-abs(value) / 1e6).startswith("−")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_no_number(value: float) -> None:
    assert percent(value) == points(value) == decimal(value) == p_value(value) == NONE
    assert bracket(Interval(value, 1.0)) == bracket(Interval(0.0, value)) == ""
    assert share(Share(0, 0, math.nan, Interval(0.0, 1.0))) == NONE


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.0, "1"), (0.996, "1"), (0.98, "0.98"), (0.05, "0.05"), (0.0012, "0.0012"),
     (8.5e-6, "8.5e-6"), (1e-4, "1.0e-4"), (9.96e-5, "1.0e-4"), (0.0, "< 1e-300")],
)  # fmt: skip
def test_p_values(value: float, text: str) -> None:
    assert p_value(value) == text


def test_intervals() -> None:
    assert bracket(Interval(0.031, 0.076), sign=True) == "[+3.1, +7.6]"
    assert bracket(Interval(-0.02, 0.0), sign=True) == "[−2.0, 0.0]"
    assert bracket(Interval(0.7, 0.84), 1.0, 2) == "[0.70, 0.84]"
    assert share(Share(1, 8, 0.125, Interval(0.02, 0.47))) == "12.5\u00a0%\n[2.0, 47.0]"
