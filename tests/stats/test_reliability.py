"""Reliability bins and calibration error."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve

from aegis.core.errors import CalibrationError, ShapeError
from aegis.core.seeds import root_stream
from aegis.stats.reliability import expected_calibration_error, reliability_bins

EPISODES = st.lists(
    st.tuples(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9, 1.0]), st.booleans()), min_size=1
)


def arrays(episodes: list[tuple[float, bool]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([e[0] for e in episodes]), np.array([e[1] for e in episodes], bool)


@given(EPISODES, st.integers(1, 12))
def test_every_episode_is_in_one_bin_and_equal_risks_stay_together(
    episodes: list[tuple[float, bool]], bins: int
) -> None:
    risk, failed = arrays(episodes)
    got = reliability_bins(risk, failed, bins=bins)
    assert sum(b.n for b in got) == len(risk)
    assert sum(b.failed for b in got) == failed.sum()
    assert sum(b.n * b.mean_risk for b in got) == pytest.approx(risk.sum())
    assert len(got) <= bins
    for one, two in pairwise(got):
        assert one.high < two.low
    for b in got:
        assert b.n > 0
        assert b.low - 1e-12 <= b.mean_risk <= b.high + 1e-12


@given(EPISODES)
def test_the_order_of_episodes_does_not_matter(episodes: list[tuple[float, bool]]) -> None:
    risk, failed = arrays(episodes)
    turned = reliability_bins(risk[::-1], failed[::-1], bins=4)
    for one, two in zip(reliability_bins(risk, failed, bins=4), turned, strict=True):
        assert (one.low, one.high, one.failed, one.n) == (two.low, two.high, two.failed, two.n)


def test_without_ties_counts_are_equal() -> None:
    risk = root_stream(1, "risk").permutation(100) / 100
    got = reliability_bins(risk, risk > 0.5, bins=10)
    assert [b.n for b in got] == [10] * 10
    assert [b.failed for b in got] == [0] * 5 + [9] + [10] * 4


def test_a_worked_example() -> None:
    risk = np.array([0.1, 0.1, 0.1, 0.1, 0.8, 0.8])
    failed = np.array([True, False, False, False, True, False])
    bins = reliability_bins(risk, failed, bins=2)
    assert [(b.n, b.failed, b.gap) for b in bins] == [
        (4, 1, pytest.approx(0.15)),
        (2, 1, pytest.approx(-0.3)),
    ]
    assert expected_calibration_error(bins) == pytest.approx((4 * 0.15 + 2 * 0.3) / 6)


@given(st.integers(2, 10), st.integers(1, 9), st.integers(0, 2**32))
def test_without_ties_the_bins_are_sklearns(bins: int, each: int, seed: int) -> None:
    rng = root_stream(3, "ties", seed)
    risk = rng.permutation(np.linspace(0.01, 0.99, bins * each))
    failed = rng.random(bins * each) < risk
    theirs = calibration_curve(failed, risk, n_bins=bins, strategy="quantile", pos_label=True)
    got = reliability_bins(risk, failed, bins=bins)
    assert [b.n for b in got] == [each] * bins
    np.testing.assert_allclose([b.failed / b.n for b in got], theirs[0])
    np.testing.assert_allclose([b.mean_risk for b in got], theirs[1])


def test_true_risks_are_calibrated_but_for_chance_and_bent_ones_are_not() -> None:
    rng = root_stream(2, "true")
    risk = rng.random(20_000)
    failed = rng.random(20_000) < risk
    assert expected_calibration_error(reliability_bins(risk, failed)) < 0.015
    assert expected_calibration_error(reliability_bins(risk**3, failed)) > 0.15


def test_nothing_gives_no_number() -> None:
    none = np.zeros(0)
    assert reliability_bins(none, none.astype(bool)) == ()
    assert np.isnan(expected_calibration_error(()))


@pytest.mark.parametrize("bad", [-0.1, 1.5, np.nan, np.inf])
def test_what_is_no_probability_is_refused(bad: float) -> None:
    with pytest.raises(CalibrationError, match="1 of 2 risks"):
        reliability_bins(np.array([0.5, bad]), np.ones(2, bool))


def test_other_units_are_refused() -> None:
    with pytest.raises(ShapeError, match="alike"):
        reliability_bins(np.zeros(2), np.ones(3, bool))
    with pytest.raises(ShapeError, match="bins"):
        reliability_bins(np.zeros(2), np.ones(2, bool), bins=0)
