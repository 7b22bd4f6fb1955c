"""Intervals against scipy and their laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from scipy.stats import bootstrap as scipy_bootstrap

from aegis.core.errors import ShapeError
from aegis.core.seeds import root_stream
from aegis.stats.intervals import (
    bootstrap_units,
    clopper_pearson_interval,
    paired_difference_interval,
    wilson_interval,
)


@given(st.integers(1, 200), st.data())
def test_rates_agree_with_scipy(n: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, n))
    for ours, method in ((wilson_interval, "wilson"), (clopper_pearson_interval, "exact")):
        theirs = binomtest(k, n).proportion_ci(0.95, method)
        got = ours(k, n)
        assert (got.low, got.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)
        assert 0 <= got.low <= k / n <= got.high <= 1


def test_nothing_seen_means_nothing_known() -> None:
    for method in (wilson_interval, clopper_pearson_interval):
        got = method(0, 0)
        assert (got.low, got.high) == (0.0, 1.0)
        with pytest.raises(ShapeError):
            method(3, 2)


def test_the_paired_bootstrap_agrees_with_scipys_bca_when_there_is_one_task() -> None:
    rng = root_stream(1, "data")
    x = rng.random(300) < 0.6
    y = rng.random(300) < 0.5
    got = paired_difference_interval(x, y, np.zeros(300, int), root_stream(1, "boot"), draws=4000)
    d = x.astype(float) - y
    theirs = scipy_bootstrap(
        (d,), np.mean, method="BCa", n_resamples=4000, rng=np.random.default_rng(0)
    ).confidence_interval
    assert (got.low, got.high) == pytest.approx((theirs.low, theirs.high), abs=0.01)


def test_task_strata_take_out_the_difference_between_tasks() -> None:
    task = np.repeat([0, 1], 100)
    x, y = task == 0, task == 1  # +1 in one task, -1 in the other: no doubt within tasks.
    got = paired_difference_interval(x, y, task, root_stream(2, "boot"), draws=200)
    assert (got.low, got.high) == (0.0, 0.0)


def test_identical_arms_differ_by_nothing() -> None:
    x = root_stream(3, "x").random(50) < 0.5
    got = paired_difference_interval(x, x, np.arange(50) % 5, root_stream(3, "boot"), draws=200)
    assert (got.low, got.high) == (0.0, 0.0)


def test_the_bootstrap_is_addressed() -> None:
    x = root_stream(4, "x").random(40)
    one, two = (
        bootstrap_units(lambda i: float(x[i].mean()), 40, root_stream(4, "boot"), draws=200)
        for _ in range(2)
    )
    assert one == two
    assert one.low < x.mean() < one.high


def test_other_units_are_refused() -> None:
    with pytest.raises(ShapeError, match="same units"):
        paired_difference_interval(
            np.ones(2, bool), np.ones(2, bool), np.zeros(3, int), root_stream(0, "b")
        )
