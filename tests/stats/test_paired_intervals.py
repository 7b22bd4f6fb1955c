"""Score intervals, non-inferiority and odds against published examples and their laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from aegis.core.errors import ShapeError
from aegis.stats.paired_intervals import (
    newcombe_interval,
    noninferiority_p,
    odds_interval,
    tango_interval,
    tango_lower_limit,
    tango_z,
)
from aegis.stats.paired_outcome import PairedOutcome

CELLS = st.tuples(*[st.integers(0, 80)] * 4).filter(any).map(lambda c: PairedOutcome(*c))

# Newcombe (1998), Statistics in Medicine 17:2635, Table III, method 10: cells (both, first only,
# second only, neither) and the limits in print.
NEWCOMBE = [
    ((36, 12, 2, 0), (0.0569, 0.3404)),
    ((20, 12, 2, 16), (0.0562, 0.3292)),
    ((18, 12, 2, 18), (0.0562, 0.3290)),
    ((36, 14, 0, 0), (0.1528, 0.4167)),
    ((35, 14, 0, 1), (0.1461, 0.4175)),
    ((18, 14, 0, 18), (0.1441, 0.3963)),
    ((2, 97, 1, 0), (0.8721, 0.9854)),
    ((1, 97, 1, 1), (0.8736, 0.9850)),
    ((0, 29, 1, 0), (0.6666, 0.9882)),
    ((2, 98, 0, 0), (0.9178, 0.9945)),
    ((1, 98, 0, 1), (0.9171, 0.9916)),
    ((0, 30, 0, 0), (0.8395, 1.0)),
    ((54, 0, 0, 0), (-0.0664, 0.0664)),
    ((53, 0, 0, 1), (-0.0729, 0.0729)),
    ((30, 0, 0, 24), (-0.0358, 0.0358)),
    ((27, 0, 0, 27), (-0.0351, 0.0351)),
]


@pytest.mark.parametrize(("cells", "limits"), NEWCOMBE)
def test_newcombes_own_table(cells: tuple[int, ...], limits: tuple[float, float]) -> None:
    both, first, second, neither = cells
    got = newcombe_interval(PairedOutcome(first, second, both, neither))
    assert (got.low, got.high) == pytest.approx(limits, abs=1.01e-4)


# (recovered, disrupted, n, level, limits in print): airway hyper-responsiveness before and after
# transplantation in Fagerland, Lydersen and Laake (2014), Statistics in Medicine 33:2850; R's
# PropCIs::scoreci.mp(25, 28, 618, 0.90).
TANGO = [
    (1, 7, 21, 0.95, (-0.517, -0.026), 1e-3),
    (28, 25, 618, 0.90, (-0.0148, 0.0247), 1e-4),
]


@pytest.mark.parametrize(("b", "c", "n", "level", "limits", "digits"), TANGO)
def test_tango_on_published_tables(
    b: int, c: int, n: int, level: float, limits: tuple[float, float], digits: float
) -> None:
    got = tango_interval(PairedOutcome(b, c, 0, n - b - c), level)
    assert (got.low, got.high) == pytest.approx(limits, abs=digits)


def test_newcombe_on_the_airways() -> None:
    # Fagerland, Lydersen and Laake (2014), Statistics in Medicine 33:2850.
    got = newcombe_interval(PairedOutcome(1, 7, 1, 12))
    assert (got.low, got.high) == pytest.approx((-0.507, -0.026), abs=1e-3)


def test_tangos_own_crossover_trial() -> None:
    # Tango (1998), Statistics in Medicine 17:891: 43 pairs effective in both, one only in the
    # standard; margin 0.1; Z = 1.709, one-sided p = 0.044.
    trial = PairedOutcome(recovered=0, disrupted=1, both=43, neither=0)
    assert float(tango_z(0, 1, 44, -0.1)) == pytest.approx(1.709, abs=1e-3)
    assert noninferiority_p(trial, 0.1) == pytest.approx(0.044, abs=5e-4)


@given(CELLS, st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_limits_solve_the_score_equation(cells: PairedOutcome, level: float) -> None:
    got, z = tango_interval(cells, level), norm.ppf(0.5 + level / 2)
    assert -1 <= got.low <= cells.difference <= got.high <= 1
    for limit, sign in ((got.low, 1), (got.high, -1)):
        if abs(limit) < 1 - 1e-6:
            found = float(tango_z(cells.recovered, cells.disrupted, cells.units, limit))
            assert found == pytest.approx(sign * z, abs=1e-6)


@given(CELLS)
def test_swapping_the_arms_mirrors_the_intervals(cells: PairedOutcome) -> None:
    swapped = PairedOutcome(cells.disrupted, cells.recovered, cells.both, cells.neither)
    for interval in (tango_interval, newcombe_interval):
        one, two = interval(cells), interval(swapped)
        assert (one.low, one.high) == pytest.approx((-two.high, -two.low), abs=1e-9)


@given(CELLS)
def test_at_no_difference_it_is_mcnemars_statistic(cells: PairedOutcome) -> None:
    b, c = cells.recovered, cells.disrupted
    expected = (b - c) / np.sqrt(b + c) if b + c else 0.0
    assert float(tango_z(b, c, cells.units, 0.0)) == pytest.approx(expected)


@given(CELLS, st.floats(0.01, 0.3), st.sampled_from([0.01, 0.05, 0.1]))
def test_noninferiority_is_the_limit_above_the_margin(
    cells: PairedOutcome, margin: float, alpha: float
) -> None:
    p, limit = noninferiority_p(cells, margin), tango_lower_limit(cells, alpha)
    if abs(limit + margin) > 1e-6:
        assert (p < alpha) == (limit > -margin)
    assert noninferiority_p(cells, margin + 0.05) <= p + 1e-12


@given(CELLS)
def test_odds_exclude_one_where_both_sides_of_the_test_do(cells: PairedOutcome) -> None:
    b, c = cells.recovered, cells.disrupted
    got = odds_interval(cells)
    assert got.low <= (b / c if c else np.inf) <= got.high or not b + c
    assert (got.low > 1) == (cells.mcnemar_p() < 0.025)


def test_odds_on_the_approval_ratings() -> None:
    # Agresti, Categorical Data Analysis: 86 and 150 of 1600 changed their mind. R's
    # exact2x2::mcnemar.exact gives p = 3.716e-05 and odds 0.5733 in [0.4350, 0.7520].
    got = PairedOutcome(150, 86, 794, 570)
    assert 2 * got.mcnemar_p() == pytest.approx(3.716e-5, rel=1e-3)
    back = odds_interval(PairedOutcome(86, 150, 794, 570))
    assert (back.low, back.high) == pytest.approx((0.435, 0.752), abs=1e-3)


def test_what_cannot_be_is_refused() -> None:
    nothing = PairedOutcome(0, 0, 0, 0)
    for interval in (tango_interval, newcombe_interval):
        with pytest.raises(ShapeError, match="at least one unit"):
            interval(nothing)
    for margin in (0.0, 1.0, -0.03, float("nan")):
        with pytest.raises(ShapeError, match="margin"):
            noninferiority_p(PairedOutcome(1, 1, 1, 1), margin)
