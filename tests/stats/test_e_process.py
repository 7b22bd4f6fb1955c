"""The e-process: its closed form, its level at any time, and the tabled figures."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from math import comb, log

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from aegis.core.errors import ShapeError
from aegis.core.seeds import root_stream
from aegis.stats.e_process import (
    anytime_p,
    log_e_path,
    log_e_value,
    sequential_power,
    sequential_units,
    stopping_counts,
    stopping_time,
)
from aegis.stats.paired_outcome import PairedOutcome
from aegis.stats.power import mcnemar_power
from tests.stats.test_power import CORNERS, rounding


def exact(b: int, c: int) -> Fraction:
    """P(Beta(b+1, c+1) > 1/2) is a sum of binomial coefficients, so e is a ratio of integers."""
    n = b + c
    return Fraction(sum(comb(n + 1, j) for j in range(b + 1)), (n + 1) * comb(n, b))


@settings(deadline=None)
@given(st.integers(0, 1500), st.integers(0, 1500))
@example(0, 1500)
@example(3, 1400)
@example(2000, 2001)
@example(1500, 0)
def test_it_is_the_ratio_of_integers(b: int, c: int) -> None:
    e = exact(b, c)
    expected = log(e.numerator) - log(e.denominator)
    assert float(log_e_value(b, c)) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(("b", "c"), [(0, 0), (5, 1), (2, 9), (30, 12)])
def test_it_is_the_mixture_of_likelihood_ratios(b: int, c: int) -> None:
    mixed = quad(lambda t: 2 * (2 * t) ** b * (2 * (1 - t)) ** c, 0.5, 1)[0]
    assert float(np.exp(log_e_value(b, c))) == pytest.approx(mixed, rel=1e-6)


@given(st.integers(0, 400), st.integers(0, 400))
def test_under_the_null_the_next_unit_brings_no_gain_on_average(b: int, c: int) -> None:
    grows, shrinks = float(log_e_value(b + 1, c)), float(log_e_value(b, c + 1))
    assert shrinks < float(log_e_value(b, c)) < grows or (b, c) == (0, 0)
    fair = np.logaddexp(grows, shrinks) - np.log(2)
    assert fair == pytest.approx(float(log_e_value(b, c)), abs=1e-8)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=60))
def test_the_path_ends_where_the_counts_do(pairs: list[tuple[bool, bool]]) -> None:
    x, y = (np.array([p[i] for p in pairs], bool) for i in (0, 1))
    path = log_e_path(x, y)
    cells = PairedOutcome.from_success(x, y)
    assert len(path) == len(pairs)
    if pairs:
        assert path[-1] == pytest.approx(float(log_e_value(cells.recovered, cells.disrupted)))
    stop = stopping_time(path, 0.05)
    assert (stop is not None) == (anytime_p(path) <= 0.05)
    if stop is not None:
        assert path[stop - 1] >= log(20)
        assert (path[: stop - 1] < log(20)).all()


def test_seven_recoveries_in_a_row_stop_a_study() -> None:
    # After m recoveries and nothing else, e = (2^(m+1) - 1) / (m + 1).
    assert float(np.exp(log_e_value(6, 0))) == pytest.approx(127 / 7)
    path = log_e_path(np.ones(8, bool), np.zeros(8, bool))
    assert stopping_time(path, 1 / 18) == 6
    assert stopping_time(path, 0.05) == 7
    assert stopping_time(path[:6], 0.05) is None
    assert anytime_p(path[:0]) == 1.0


@given(st.integers(0, 300))
def test_stopping_counts_are_the_boundary(d: int) -> None:
    k = int(stopping_counts(d, 0.05)[d])
    assert k == d + 1 or float(log_e_value(k, d - k)) >= log(20)
    if 0 < k <= d:
        assert float(log_e_value(k - 1, d - k + 1)) < log(20)


# Simulated with 4,000 studies when the project was planned; computed exactly here, so agreement
# is asked for within four standard errors of that simulation.
FIGURES = [
    (0.075, 0.075, 700, 0.031),
    (0.075, 0.075, 1500, 0.033),
    (0.10, 0.05, 700, 0.80),
    (0.10, 0.05, 1500, 0.99),
    (0.08, 0.03, 700, 0.93),
    (0.15, 0.05, 700, 1.00),
    (0.05, 0.02, 700, 0.72),
    (0.05, 0.02, 1500, 0.97),
]


@pytest.mark.parametrize(("b", "c", "n", "simulated"), FIGURES)
def test_the_figures_of_the_plan_are_reproduced(
    b: float, c: float, n: int, simulated: float
) -> None:
    error = 4 * (simulated * (1 - simulated) / 4000) ** 0.5 + 0.005
    assert sequential_power(b, c, n) == pytest.approx(simulated, abs=error)


@pytest.mark.parametrize(
    ("b", "c", "median"),
    [(0.10, 0.05, 360), (0.08, 0.03, 245), (0.15, 0.05, 115), (0.05, 0.02, 435)],
)
def test_half_of_the_studies_stop_by_the_tabled_number(b: float, c: float, median: int) -> None:
    assert sequential_units(0.5, b, c) == pytest.approx(median, rel=0.05)


@settings(deadline=None)
@given(st.floats(0.01, 0.5), st.integers(0, 3000))
def test_the_level_holds_however_often_one_looks(rate: float, n: int) -> None:
    assert sequential_power(rate, rate, n) <= 0.05
    assert sequential_power(rate * 0.8, rate, n) <= sequential_power(rate, rate, n) + 2 * rounding(
        n
    )


@settings(deadline=None)
@given(st.floats(0.02, 0.4), st.floats(0.0, 0.3), st.integers(1, 800))
def test_looking_costs_power_and_more_units_bring_more(b: float, c: float, n: int) -> None:
    assert sequential_power(b, c, n) <= sequential_power(b, c, n + 10) + 2 * rounding(n)
    if b > c:
        # Exact tests go up in steps, so the e-process may be a little ahead for some n.
        assert sequential_power(b, c, n) <= mcnemar_power(b, c, n) + 0.05


@pytest.mark.parametrize("n", [0, 1, 64, 759, 1500])
def test_powers_are_probabilities(n: int) -> None:
    for b, c in product(CORNERS, repeat=2):
        if b + c <= 1:
            for alpha in (1e-6, 0.05):
                assert 0 <= sequential_power(b, c, n, alpha) <= 1, (b, c, alpha)


def test_where_the_arm_does_not_help_it_need_not_ever_stop() -> None:
    assert sequential_units(0.5, 0.05, 0.05) is None
    assert sequential_power(0.0, 0.0, 100) == 0.0


def test_impossible_counts_are_refused() -> None:
    with pytest.raises(ShapeError, match="not be negative"):
        log_e_value(-1, 3)
    with pytest.raises(ShapeError, match="same units"):
        log_e_path(np.ones(2, bool), np.ones(3, bool))


@pytest.mark.slow
def test_simulated_studies_stop_as_often_as_computed() -> None:
    rng = root_stream(7, "e")
    studies, n = 4000, 1500
    for b, c in ((0.075, 0.075), (0.10, 0.05)):
        kind = rng.choice(3, p=[b, c, 1 - b - c], size=(studies, n))
        won, lost = np.cumsum(kind == 0, axis=1), np.cumsum(kind == 1, axis=1)
        level = stopping_counts(n, 0.05)
        stopped = (won >= level[won + lost]).any(axis=1).mean()
        power = sequential_power(b, c, n)
        assert stopped == pytest.approx(power, abs=4 * (power * (1 - power) / studies) ** 0.5)
