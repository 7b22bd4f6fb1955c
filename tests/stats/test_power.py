"""Exact power against the tabled numbers, brute force and its laws."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.stats import multinomial

from aegis.core.errors import ShapeError
from aegis.core.seeds import root_stream
from aegis.stats.paired_intervals import noninferiority_p
from aegis.stats.paired_outcome import PairedOutcome
from aegis.stats.power import (
    critical_counts,
    find_least_units,
    mcnemar_power,
    noninferiority_power,
    units_for_power,
)

EPS = np.finfo(float).eps


def rounding(n: int) -> float:
    """Bounds the rounding of a power: n + 1 products of two probabilities, added.

    A sum of m numbers in [0, 1] that add up to at most 1 is off by at most (m - 1) eps / 2; each
    product by the relative errors of its factors, for which 32 eps are granted.
    """
    return (n / 2 + 2 * 32) * EPS


RATES = st.tuples(st.floats(0.01, 0.4), st.floats(0.01, 0.4))

# Smallest multiple of 10 (last two rows: of 5) with power 0.8 at 0.05, 0.05 / 3 and 0.01. The
# table was computed independently, with scipy.stats, when the project was planned.
TABLE = [
    (0.10, 0.05, 10, (400, 560, 630)),
    (0.08, 0.03, 10, (300, 410, 460)),
    (0.12, 0.05, 10, (240, 320, 370)),
    (0.15, 0.05, 10, (140, 190, 210)),
    (0.10, 0.02, 10, (130, 180, 190)),
    (0.06, 0.01, 10, (190, 260, 290)),
    (0.05, 0.02, 10, (520, 720, 810)),
    (0.10, 0.07, 10, (1230, 1720, 1950)),
    (0.0964, 0.0414, 5, (305, 420)),
    (0.077, 0.023, 5, (230, 320)),
]


@pytest.mark.parametrize(("b", "c", "step", "units"), TABLE)
def test_the_table_of_the_plan_is_reproduced(
    b: float, c: float, step: int, units: tuple[int, ...]
) -> None:
    alphas = (0.05, 0.05 / 3, 0.01)[: len(units)]
    assert tuple(units_for_power(0.8, b, c, alpha, step=step) for alpha in alphas) == units


def test_what_five_hundred_units_detect() -> None:
    assert mcnemar_power(0.10, 0.05, 500) == pytest.approx(0.88, abs=0.005)
    assert mcnemar_power(0.10, 0.05, 500, 0.05 / 3) == pytest.approx(0.75, abs=0.005)
    assert mcnemar_power(0.10, 0.07, 500) == pytest.approx(0.45, abs=0.005)


@pytest.mark.parametrize(("b", "c", "n"), [(0.3, 0.1, 9), (0.5, 0.5, 8), (0.6, 0.0, 12)])
def test_it_is_the_sum_over_all_tables(b: float, c: float, n: int) -> None:
    total = 0.0
    for won, lost in product(range(n + 1), repeat=2):
        if won + lost <= n and PairedOutcome(won, lost, 0, n - won - lost).mcnemar_p() <= 0.1:
            p = [b, c, 1 - b - c]
            total += multinomial.pmf([won, lost, n - won - lost], n, p)
    assert mcnemar_power(b, c, n, 0.1) == pytest.approx(total, abs=1e-12)


@pytest.mark.parametrize(("b", "c", "n"), [(0.1, 0.2, 12), (0.2, 0.2, 15), (0.0, 0.3, 10)])
def test_that_of_noninferiority_too(b: float, c: float, n: int) -> None:
    total = 0.0
    for won, lost in product(range(n + 1), repeat=2):
        rest = n - won - lost
        if rest >= 0 and noninferiority_p(PairedOutcome(won, lost, 0, rest), 0.2) <= 0.05:
            total += multinomial.pmf([won, lost, rest], n, [b, c, 1 - b - c])
    assert noninferiority_power(b, c, n, 0.2) == pytest.approx(total, abs=1e-9)


@given(st.integers(0, 300), st.sampled_from([0.01, 0.05 / 3, 0.03125, 0.05, 0.2]))
@example(5, 0.03125)
def test_critical_counts_are_where_the_test_rejects(d: int, alpha: float) -> None:
    k = int(critical_counts(d, alpha)[d])
    if k <= d:
        assert PairedOutcome(k, d - k, 0, 0).mcnemar_p() <= alpha
    assert PairedOutcome(k - 1, d - k + 1, 0, 0).mcnemar_p() > alpha


@settings(max_examples=40, deadline=None)
@given(RATES, st.integers(1, 600), st.sampled_from([0.01, 0.05, 0.1]))
def test_the_level_is_kept_where_the_arms_are_alike(
    rates: tuple[float, float], n: int, alpha: float
) -> None:
    worse = sorted(rates)
    assert mcnemar_power(worse[0], worse[0], n, alpha) <= alpha + rounding(n)
    assert mcnemar_power(worse[0], worse[1], n, alpha) <= alpha + rounding(n)
    assert 0 <= noninferiority_power(*worse, n, 0.03, alpha) <= 1


@settings(deadline=None)
@given(RATES, st.integers(1, 300))
def test_more_recoveries_mean_more_power(rates: tuple[float, float], n: int) -> None:
    b, c = rates
    assert mcnemar_power(b + 0.1, c, n) >= mcnemar_power(b, c, n) - 2 * rounding(n)
    assert mcnemar_power(b, c, n, 0.05) >= mcnemar_power(b, c, n, 0.01) - 2 * rounding(n)


CORNERS = (0.0, 1e-9, 0.05, 0.25, 1 / 3, 0.75, 1 - 1e-9, 1.0)


@pytest.mark.parametrize("n", [0, 1, 2, 64, 759, 1500])
def test_powers_are_probabilities(n: int) -> None:
    for b, c in product(CORNERS, repeat=2):
        if b + c <= 1:
            for alpha in (1e-6, 0.05, 1 - 1e-9):
                assert 0 <= mcnemar_power(b, c, n, alpha) <= 1, (b, c, alpha)
                assert 0 <= noninferiority_power(b, c, n, 0.03, alpha) <= 1, (b, c, alpha)


def test_a_certain_rejection_has_power_one() -> None:
    for n in (7, 759, 1500, 4000):
        assert mcnemar_power(1.0, 0.0, n) == 1.0
        assert mcnemar_power(0.25, 0.0, max(n, 700)) == pytest.approx(1.0, abs=rounding(n))
        assert noninferiority_power(1.0, 0.0, n, 0.03) == 1.0


def test_where_the_arm_does_not_help_no_number_suffices() -> None:
    assert units_for_power(0.8, 0.05, 0.05) is None
    assert units_for_power(0.8, 0.02, 0.05) is None
    assert units_for_power(0.8, 0.10, 0.09, at_most=500) is None
    assert mcnemar_power(0.0, 0.0, 100) == 0.0
    assert mcnemar_power(0.2, 0.1, 0) == 0.0


@given(st.integers(1, 3000), st.integers(1, 50))
def test_the_search_finds_the_first_multiple(need: int, step: int) -> None:
    found = find_least_units(0.5, lambda n: float(n >= need), step=step, at_most=4000)
    assert found == -(-need // step) * step


def test_impossible_probabilities_are_refused() -> None:
    for b, c, n, alpha in ((0.7, 0.4, 10, 0.05), (-0.1, 0.4, 10, 0.05), (0.1, 0.1, -1, 0.05)):
        with pytest.raises(ShapeError, match="probabilities"):
            mcnemar_power(b, c, n, alpha)
    with pytest.raises(ShapeError, match="alpha"):
        units_for_power(0.8, 0.2, 0.1, 0.0)


@pytest.mark.slow
@pytest.mark.parametrize(("b", "c", "n"), [(0.10, 0.05, 400), (0.05, 0.02, 520), (0.3, 0.0, 12)])
def test_simulated_studies_reject_as_often_as_computed(b: float, c: float, n: int) -> None:
    rng = root_stream(5, "power", n)
    cells = rng.multinomial(n, [b, c, 1 - b - c], size=20_000)
    level = critical_counts(n, 0.05)
    rejected = np.mean(cells[:, 0] >= level[cells[:, 0] + cells[:, 1]])
    power = mcnemar_power(b, c, n)
    assert rejected == pytest.approx(power, abs=4 * (power * (1 - power) / 20_000) ** 0.5)
