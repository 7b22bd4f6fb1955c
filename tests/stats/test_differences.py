"""Bootstrap intervals of differences: against other ways to compute them, and their laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap as scipy_bootstrap
from scipy.stats import norm

from aegis.core.errors import ShapeError
from aegis.core.seeds import root_stream
from aegis.stats.bootstrap import bca_interval, paired_difference_interval, percentile_interval
from aegis.stats.differences import (
    clustered_difference,
    conditional_difference,
    ratio_difference,
    ratio_of_totals,
    task_clustered_difference,
)
from aegis.stats.intervals import Interval
from aegis.stats.paired_outcome import PairedOutcome
from aegis.stats.resampling import ClusteredSample, resample_weights

UNITS = st.lists(
    st.tuples(st.booleans(), st.booleans(), st.booleans(), st.integers(0, 3), st.integers(0, 4)),
    min_size=1,
    max_size=60,
)


def study(n: int, seed: int) -> tuple[np.ndarray, ...]:
    rng = root_stream(seed, "study")
    task = np.arange(n) % 10
    ease = rng.standard_normal(n) + (task - 4.5) / 5
    arm, against, weak = (ease + rng.standard_normal(n) > cut for cut in (-0.2, 0.0, 0.4))
    return arm, against, weak, task, np.arange(n) // 30


def ends(interval: Interval) -> tuple[float, float]:
    return interval.low, interval.high


# --- totals ---------------------------------------------------------------------------------


@settings(deadline=None)
@given(UNITS, st.booleans())
def test_a_resample_has_as_many_clusters_of_each_stratum(
    units: list[tuple[bool, bool, bool, int, int]], clustered: bool
) -> None:
    task, start = (np.array([u[i] for u in units]) for i in (3, 4))
    columns = np.stack([task == name for name in range(4)], axis=1)
    cluster = start if clustered else None
    sample = ClusteredSample.from_units(columns, task, cluster)
    ones = ClusteredSample(np.ones_like(sample.rows), sample.stratum)
    assert (ones.resample_totals(root_stream(1, "t"), 20) == len(ones.rows)).all()
    np.testing.assert_allclose(sample.rows.sum(axis=0), columns.sum(axis=0))
    if not clustered:
        assert (sample.resample_totals(root_stream(1, "t"), 20) == columns.sum(axis=0)).all()


def test_few_and_many_kinds_of_rows_are_drawn_alike() -> None:
    few = ClusteredSample.from_units(np.arange(200)[:, None] % 20)
    many = ClusteredSample.from_units(np.arange(200)[:, None] % 20 + np.arange(200)[:, None] * 1e-9)
    one, two = (sample.resample_totals(root_stream(2, "t"), 20_000)[:, 0] for sample in (few, many))
    assert one.mean() == pytest.approx(two.mean(), rel=0.003)
    assert one.std() == pytest.approx(two.std(), rel=0.03)


def test_equal_starts_in_other_tasks_are_other_clusters() -> None:
    sample = ClusteredSample.from_units(
        np.ones((6, 1)), np.array([0, 0, 0, 7, 7, 7]), np.array([1, 1, 2, 1, 2, 3])
    )
    assert sample.rows[:, 0].tolist() == [2, 1, 1, 1, 1]
    assert sample.stratum.tolist() == [0, 0, 1, 1, 1]


@given(UNITS)
def test_left_out_totals_average_to_the_total(
    units: list[tuple[bool, bool, bool, int, int]],
) -> None:
    values, task = np.array([[u[0], u[1]] for u in units]), np.array([u[3] for u in units])
    sample = ClusteredSample.from_units(values, task)
    for part in sample.leave_one_out_totals():
        np.testing.assert_allclose(part.mean(axis=0), values.sum(axis=0), atol=1e-9)


def test_weights_count_draws_within_each_stratum() -> None:
    task = np.array([2, 0, 2, 2, 0])
    weights = resample_weights(task, root_stream(3, "w"), 500)
    for name in (0, 2):
        assert (weights[task == name].sum(axis=0) == (task == name).sum()).all()
    assert weights.mean(axis=1) == pytest.approx(np.ones(5), abs=0.2)


@pytest.mark.parametrize(
    "bad", [np.zeros((0, 1)), np.zeros(3), np.full((2, 1), np.nan), np.full((2, 1), np.inf)]
)
def test_units_without_a_number_are_refused(bad: np.ndarray) -> None:
    with pytest.raises(ShapeError):
        ClusteredSample.from_units(bad)


# --- differences ----------------------------------------------------------------------------


def test_one_unit_per_start_state_is_the_plain_bootstrap() -> None:
    arm, against, _, task, _ = study(600, 1)
    plain = paired_difference_interval(arm, against, task, root_stream(1, "b"), draws=4000)
    own = clustered_difference(arm, against, task, np.arange(600), root_stream(1, "b"), draws=4000)
    assert own.value == pytest.approx(arm.mean() - against.mean())
    assert ends(own.interval) == pytest.approx(ends(plain), abs=0.005)


def test_start_states_that_go_alike_widen_the_interval_by_their_number() -> None:
    arm, against, _, task, _ = study(300, 2)
    four = [np.repeat(a, 4) for a in (arm, against, task)]
    start = np.repeat(np.arange(300), 4)
    naive = paired_difference_interval(*four, root_stream(2, "b"), draws=4000)
    honest = clustered_difference(*four, start, root_stream(2, "b"), draws=4000).interval
    once = paired_difference_interval(arm, against, task, root_stream(2, "b"), draws=4000)
    assert honest.high - honest.low == pytest.approx(2 * (naive.high - naive.low), rel=0.06)
    assert ends(honest) == pytest.approx(ends(once), abs=0.005)


def test_whole_tasks_agree_with_scipys_bca_over_tasks() -> None:
    arm, against, _, task, _ = study(1000, 3)
    got = task_clustered_difference(arm, against, task, root_stream(3, "b"), draws=8000)
    gains = [(arm[task == t].mean() - against[task == t].mean()) for t in range(10)]
    theirs = scipy_bootstrap(
        (gains,), np.mean, method="BCa", n_resamples=8000, rng=np.random.default_rng(0)
    ).confidence_interval
    wider = got.value + np.sqrt(10 / 9) * (np.array([theirs.low, theirs.high]) - got.value)
    assert ends(got.interval) == pytest.approx(wider, abs=0.005)


def test_a_condition_that_always_holds_changes_nothing() -> None:
    arm, against, _, task, _ = study(500, 4)
    plain = paired_difference_interval(arm, against, task, root_stream(4, "b"))
    got = conditional_difference(arm, against, np.ones(500, bool), task, root_stream(4, "b"))
    assert ends(got.interval) == pytest.approx(ends(plain), abs=0.005)


def test_the_conditional_difference_agrees_with_scipys_bca() -> None:
    arm, against, weak, _, _ = study(800, 5)
    gain, failed = arm.astype(float) - against, (~weak).astype(float)
    got = conditional_difference(
        arm, against, ~weak, np.zeros(800, int), root_stream(5, "b"), draws=8000
    )
    assert got.value == pytest.approx(arm[~weak].mean() - against[~weak].mean())

    def statistic(g: np.ndarray, f: np.ndarray, axis: int) -> np.ndarray:
        return (g * f).sum(axis=axis) / f.sum(axis=axis)

    theirs = scipy_bootstrap(
        (gain, failed),
        statistic,
        paired=True,
        method="BCa",
        n_resamples=8000,
        vectorized=True,
        rng=np.random.default_rng(0),
    ).confidence_interval
    assert ends(got.interval) == pytest.approx((theirs.low, theirs.high), abs=0.006)


def test_units_outside_the_condition_do_not_move_the_estimate() -> None:
    arm, against, weak, task, start = study(400, 6)
    one = conditional_difference(arm, against, ~weak, task, root_stream(6, "b"), start=start)
    two = conditional_difference(arm | weak, against, ~weak, task, root_stream(6, "b"), start=start)
    assert one == two
    assert one.interval.low < one.value < one.interval.high


def test_a_condition_that_never_holds_gives_no_number() -> None:
    arm, against, _, task, _ = study(50, 7)
    got = conditional_difference(arm, against, np.zeros(50, bool), task, root_stream(7, "b"))
    assert np.isnan([got.value, got.interval.low, got.interval.high]).all()


def test_duties_are_ratios_and_so_are_their_differences() -> None:
    rng = root_stream(8, "duty")
    steps = rng.integers(50, 220, 300)
    strong = (steps * rng.random(300) * 0.6).astype(int)
    task = np.arange(300) % 5
    got = ratio_of_totals(
        ClusteredSample.from_units(np.stack([strong, steps], axis=1), task), root_stream(8, "b")
    )
    assert got.value == pytest.approx(strong.sum() / steps.sum())
    assert got.interval.low < got.value < got.interval.high
    four = np.stack([strong, steps, strong, steps], axis=1)
    none = ratio_difference(ClusteredSample.from_units(four, task), root_stream(8, "b"))
    assert (none.value, *ends(none.interval)) == (0.0, 0.0, 0.0)
    four[:, 2:] = [0, 1]
    same = ratio_difference(ClusteredSample.from_units(four, task), root_stream(8, "c"))
    assert same.value == got.value
    assert ends(same.interval) == pytest.approx(ends(got.interval), abs=0.004)
    four[:, 3] = 0
    assert np.isnan(
        ratio_difference(ClusteredSample.from_units(four, task), root_stream(8, "b")).value
    )


@settings(deadline=None)
@given(UNITS)
def test_swapping_the_arms_mirrors_the_estimates(
    units: list[tuple[bool, bool, bool, int, int]],
) -> None:
    x, y, g, task, start = (np.array([u[i] for u in units]) for i in range(5))
    for one, two in (
        (
            clustered_difference(x, y, task, start, root_stream(9, "b"), draws=100),
            clustered_difference(y, x, task, start, root_stream(9, "b"), draws=100),
        ),
        (
            conditional_difference(x, y, g, task, root_stream(9, "b"), draws=100),
            conditional_difference(y, x, g, task, root_stream(9, "b"), draws=100),
        ),
    ):
        np.testing.assert_allclose(one.value, -two.value)
        for found in (one, two):
            known = np.isfinite([found.interval.low, found.interval.high])
            assert known[0] == known[1]
            assert not known[0] or -1 <= found.interval.low <= found.interval.high <= 1
    cells = PairedOutcome.from_success(x, y)
    assert clustered_difference(
        x, y, task, start, root_stream(9, "b"), draws=10
    ).value == pytest.approx(cells.difference)


def test_other_units_are_refused() -> None:
    two, three = np.ones(2, bool), np.ones(3, bool)
    labels = np.zeros(2, int)
    with pytest.raises(ShapeError, match="same units"):
        clustered_difference(two, three, labels, labels, root_stream(0, "b"))
    with pytest.raises(ShapeError, match="same units"):
        conditional_difference(two, two, three, labels, root_stream(0, "b"))
    with pytest.raises(ShapeError, match="same units"):
        task_clustered_difference(two, two, np.zeros(3, int), root_stream(0, "b"))


def test_small_strata_do_not_shorten_the_interval() -> None:
    # Ninety strata of three units; the unbiased variance of a stratified mean is the reference.
    rng = root_stream(10, "strata")
    task = np.repeat(np.arange(90), 3)
    arm, against = rng.random(270) < 0.6, rng.random(270) < 0.4
    gain = arm.astype(float) - against
    variance = sum(3 * gain[task == name].var(ddof=1) for name in range(90)) / 270**2
    got = paired_difference_interval(arm, against, task, root_stream(10, "b"), draws=20_000)
    assert got.high - got.low == pytest.approx(2 * 1.96 * variance**0.5, rel=0.03)


def test_a_large_stratum_is_not_spread_for_the_sake_of_small_ones() -> None:
    rng = root_stream(11, "strata")
    task = np.concatenate([np.zeros(1000, int), np.repeat(np.arange(1, 151), 2)])
    arm, against = rng.random(1300) < 0.6, rng.random(1300) < 0.4
    arm[1000:], against[1000:] = True, False
    variance = 1000 * (arm[:1000].astype(float) - against[:1000]).var() / 1300**2
    got = paired_difference_interval(arm, against, task, root_stream(11, "b"), draws=20_000)
    assert got.high - got.low == pytest.approx(2 * 1.96 * variance**0.5, rel=0.03)


# --- BCa ------------------------------------------------------------------------------------


def test_bca_without_bias_or_skew_is_the_percentile_interval() -> None:
    resampled = np.linspace(-1, 1, 2001)
    got = bca_interval(resampled, 0.0, np.array([-1.0, 1.0]))
    assert ends(got) == pytest.approx(ends(percentile_interval(resampled)), abs=1e-9)


def test_bca_corrects_an_estimate_off_the_median_and_a_skewed_influence() -> None:
    # Efron (1987) with exactly normal resamples: limits z0 + (z0 + z) / (1 - a (z0 + z)).
    resampled = norm.ppf((np.arange(100_000) + 0.5) / 100_000)
    jackknife = np.concatenate([np.zeros(20), [-1.0]])
    d = jackknife.mean() - jackknife
    a, z0 = (d**3).sum() / 6 / (d**2).sum() ** 1.5, 0.3
    z = z0 + np.array([-1.959964, 1.959964])
    got = bca_interval(resampled, z0, jackknife)
    assert a > 0.1
    assert ends(got) == pytest.approx(z0 + z / (1 - a * z), abs=0.02)


def test_bca_leaves_unknown_resamples_out_and_falls_back_where_it_is_undefined() -> None:
    resampled = np.linspace(0, 1, 101)
    holes = np.concatenate([resampled, np.full(50, np.nan)])
    jackknife = np.array([0.1, 0.4, 0.3])
    assert bca_interval(holes, 0.5, jackknife) == bca_interval(resampled, 0.5, jackknife)
    assert bca_interval(resampled, -1.0, jackknife) == percentile_interval(resampled)
    assert np.isnan(bca_interval(np.full(3, np.nan), 0.5, jackknife).low)
    # One unit outweighs all others: the acceleration has no bound.
    lone = np.concatenate([np.zeros(10_000), [-1e6]])
    assert bca_interval(resampled, 0.99, lone, level=0.9999999) == percentile_interval(
        resampled, level=0.9999999
    )
