"""Intervals against scipy and their laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from scipy.stats import bootstrap as scipy_bootstrap
from statsmodels.stats.proportion import proportion_confint

from aegis.core.errors import ShapeError
from aegis.core.seeds import root_stream
from aegis.stats.bootstrap import paired_difference_interval
from aegis.stats.exact_interval import clopper_pearson_interval
from aegis.stats.intervals import wilson_interval


@given(st.integers(1, 3000), st.sampled_from([0.5, 0.9, 0.95, 0.999]), st.data())
def test_rates_agree_with_scipy_and_statsmodels(n: int, level: float, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, n))
    # scipy searches the exact limits, to 2e-12; statsmodels takes quantiles of the beta.
    for ours, method, theirs, close in (
        (wilson_interval, "wilson", "wilson", 1e-12),
        (clopper_pearson_interval, "exact", "beta", 1e-11),
    ):
        got = ours(k, n, level)
        first = binomtest(k, n).proportion_ci(level, method)
        second = proportion_confint(k, n, alpha=1 - level, method=theirs)
        assert (got.low, got.high) == pytest.approx((first.low, first.high), abs=close)
        assert (got.low, got.high) == pytest.approx(second, rel=1e-9, abs=1e-15)
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


def test_other_units_are_refused() -> None:
    with pytest.raises(ShapeError, match="same units"):
        paired_difference_interval(
            np.ones(2, bool), np.ones(2, bool), np.zeros(3, int), root_stream(0, "b")
        )
