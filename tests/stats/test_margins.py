"""What the published margins determine."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis.core.errors import ShapeError
from aegis.stats.margins import mcnemar_range
from aegis.stats.p_values import holm_adjusted
from aegis.stats.paired_intervals import tango_interval

# AEGIS (arXiv 2606.06660): of 646 units that the weak policy failed, 65 were recovered (10.1 %),
# 30 by blind escalation (4.6 %) and 33 by a random trigger (5.1 %); p = 8.5e-6 and 1.0e-4.
BLIND, RANDOM = mcnemar_range(65, 30, 646), mcnemar_range(65, 33, 646)


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40))
def test_tables_have_the_margins_and_the_range_holds_their_p(a: int, b: int, more: int) -> None:
    n = max(a, b) + more
    got = mcnemar_range(a, b, n)
    assert len(got.tables) == min(a, b, n - a, n - b) + 1
    for t in got.tables:
        assert (t.recovered + t.both, t.disrupted + t.both, t.units) == (a, b, n)
        assert got.low <= t.mcnemar_p() <= got.high
    shared = [t.both for t in got.tables]
    assert shared == sorted(shared)


def test_the_margins_alone_leave_six_orders_of_magnitude() -> None:
    assert len(BLIND.tables) == 31
    assert (BLIND.low, BLIND.high) == pytest.approx((2**-35, 2.12e-4), rel=0.01)
    assert len(RANDOM.tables) == 34
    assert (RANDOM.low, RANDOM.high) == pytest.approx((2**-32, 8.0e-4), rel=0.01)


def test_the_published_p_against_random_means_thirteen_shared_recoveries() -> None:
    (table,) = RANDOM.tables_between(0.95e-4, 1.05e-4)
    assert (table.recovered, table.disrupted, table.both) == (52, 20, 13)
    assert RANDOM.nearest_table(1.0e-4) == table


def test_the_published_p_against_blind_lies_between_fourteen_and_fifteen() -> None:
    # No table with these margins gives 8.5e-6 to two digits, with Holm's factor or without, so
    # either the test was not on these 646 units alone or a margin was rounded otherwise.
    nearest = BLIND.nearest_table(8.5e-6)
    assert (nearest.recovered, nearest.disrupted, nearest.both) == (50, 15, 15)
    assert nearest.mcnemar_p() == pytest.approx(7.9e-6, rel=0.01)
    for factor in (1, 2, 3):
        assert not BLIND.tables_between(8.45e-6 / factor, 8.55e-6 / factor)
    above = next(t for t in BLIND.tables if t.both == 14)
    assert nearest.mcnemar_p() < 8.5e-6 < above.mcnemar_p()


def test_differences_and_their_intervals_are_nearly_determined() -> None:
    for got, points in ((BLIND, 5.4), (RANDOM, 5.0)):
        for table in got.tables:
            assert 100 * table.difference == pytest.approx(points, abs=0.05)
        likely = tango_interval(got.nearest_table({5.4: 8.5e-6, 5.0: 1.0e-4}[points]))
        assert 0.02 < likely.low < likely.high < 0.09
        assert all(tango_interval(table).low > 0 for table in got.tables)


def test_all_tables_survive_holm_over_three_contrasts() -> None:
    worst = holm_adjusted({"blind": BLIND.high, "random": RANDOM.high, "third": RANDOM.high})
    assert max(worst.values()) < 0.05


def test_margins_beyond_the_units_are_refused() -> None:
    with pytest.raises(ShapeError, match="recovered <= n"):
        mcnemar_range(5, 3, 4)
    with pytest.raises(ShapeError):
        mcnemar_range(-1, 3, 4)
