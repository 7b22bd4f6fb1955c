"""Tango's interval and test of non-inferiority against published examples and their laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from aegis.core.errors import ShapeError
from aegis.stats.paired_intervals import noninferiority_p, tango_interval, tango_z
from aegis.stats.paired_outcome import PairedOutcome

CELLS = st.tuples(*[st.integers(0, 80)] * 4).filter(any).map(lambda c: PairedOutcome(*c))

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
    one, two = tango_interval(cells), tango_interval(swapped)
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
    p, limit = noninferiority_p(cells, margin), tango_interval(cells, 1 - 2 * alpha).low
    if abs(limit + margin) > 1e-6:
        assert (p < alpha) == (limit > -margin)
    assert noninferiority_p(cells, margin + 0.05) <= p + 1e-12


def test_mcnemar_on_the_approval_ratings() -> None:
    # Agresti, Categorical Data Analysis: 86 and 150 of 1600 changed their mind. R's
    # exact2x2::mcnemar.exact gives p = 3.716e-05.
    got = PairedOutcome(150, 86, 794, 570)
    assert 2 * got.mcnemar_p() == pytest.approx(3.716e-5, rel=1e-3)


def test_what_cannot_be_is_refused() -> None:
    nothing = PairedOutcome(0, 0, 0, 0)
    with pytest.raises(ShapeError, match="at least one unit"):
        tango_interval(nothing)
    for margin in (0.0, 1.0, -0.03, float("nan")):
        with pytest.raises(ShapeError, match="margin"):
            noninferiority_p(PairedOutcome(1, 1, 1, 1), margin)
