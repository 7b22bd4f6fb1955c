"""Bootstrap of AUROC: against brute force, DeLong and its laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aegis.core.errors import ShapeError
from aegis.core.seeds import root_stream
from aegis.stats import auroc_intervals as module
from aegis.stats.auroc import compute_auroc, compute_auroc_within
from aegis.stats.auroc_intervals import EpisodeResamples
from aegis.stats.resampling import resample_weights

UNITS = st.lists(
    st.tuples(st.integers(-3, 3), st.booleans(), st.integers(0, 2)), min_size=2, max_size=30
)


def episodes(n: int, seed: int, shift: float = 1.0) -> tuple[np.ndarray, ...]:
    rng = root_stream(seed, "episodes")
    task = np.arange(n) % 10
    failed = rng.random(n) < 0.2 + 0.06 * task
    score = shift * failed + 0.2 * task + rng.standard_normal(n)
    return score, failed, task


@settings(deadline=None)
@given(UNITS, st.booleans())
def test_each_resample_is_auroc_of_the_repeated_episodes(
    units: list[tuple[int, bool, int]], within: bool
) -> None:
    score, failed, task = (np.array(column) for column in zip(*units, strict=True))
    score = np.where(score == 3, np.nan, score)
    weights = resample_weights(task, root_stream(1, "w"), 5)
    found = module._count_pairs(score, failed, task, weights, within).resampled_auroc()
    for draw in range(5):
        i = np.repeat(np.arange(len(score)), weights[:, draw])
        expected = (
            compute_auroc_within(score[i], failed[i], task[i])
            if within
            else compute_auroc(score[i], failed[i])
        )
        np.testing.assert_allclose(found[draw], expected)


@settings(deadline=None)
@given(UNITS, st.booleans())
def test_left_out_values_are_those_of_the_other_episodes(
    units: list[tuple[int, bool, int]], within: bool
) -> None:
    score, failed, task = (np.array(column) for column in zip(*units, strict=True))
    weights = np.ones((len(score), 1), np.int32)
    found = module._count_pairs(score.astype(float), failed, task, weights, within).left_out
    for i in range(len(score)):
        s, y, g = (np.delete(a, i) for a in (score.astype(float), failed, task))
        expected = compute_auroc_within(s, y, g) if within else compute_auroc(s, y)
        np.testing.assert_allclose(found[i], expected)


def test_its_width_is_delongs() -> None:
    # DeLong, DeLong and Clarke-Pearson (1988): variance from the placements of each class.
    score, failed, _ = episodes(1200, 2)
    one = np.zeros(1200, int)
    wins = np.sign(score[failed][:, None] - score[~failed][None, :]) / 2 + 0.5
    placements = wins.mean(axis=1), wins.mean(axis=0)
    error = sum(np.var(p, ddof=1) / len(p) for p in placements) ** 0.5
    got = (
        EpisodeResamples.draw(failed, one, root_stream(2, "b"), draws=4000)
        .estimate_auroc(score)
        .interval
    )
    assert got.high - got.low == pytest.approx(2 * 1.96 * error, rel=0.05)
    assert (got.low + got.high) / 2 == pytest.approx(wins.mean(), abs=0.005)


def test_a_score_gains_nothing_over_itself_and_what_it_gains_changes_sign() -> None:
    score, failed, task = episodes(300, 3)
    noise = root_stream(3, "noise").standard_normal(300)
    for within in (False, True):
        same = EpisodeResamples.draw(failed, task, root_stream(3, "b")).estimate_gain(
            score, score * 2, within=within
        )
        assert (same.value, same.interval.low, same.interval.high) == (0.0, 0.0, 0.0)
        there = EpisodeResamples.draw(failed, task, root_stream(3, "b")).estimate_gain(
            score, noise, within=within
        )
        back = EpisodeResamples.draw(failed, task, root_stream(3, "b")).estimate_gain(
            noise, score, within=within
        )
        assert there.value == pytest.approx(-back.value)
        assert there.interval.low == pytest.approx(-back.interval.high, abs=0.01)
        assert 0 < there.interval.low < there.value


def test_tasks_count_as_fixed() -> None:
    # Who fails and with which score depends on the task alone: no doubt is left within tasks.
    task = np.repeat(np.arange(6), 5)
    failed, score = task % 2 == 1, np.array([0.0, 1.0, 2.0, 0.5, 0.2, 3.0])[task]
    got = EpisodeResamples.draw(failed, task, root_stream(7, "b")).estimate_auroc(score).interval
    gain = EpisodeResamples.draw(failed, task, root_stream(7, "b")).estimate_gain(score, -score)
    assert got.low == got.high == compute_auroc(score, failed)
    assert gain.interval.low == gain.interval.high == pytest.approx(gain.value)


def test_pairing_sharpens_the_comparison_of_like_scores() -> None:
    score, failed, task = episodes(600, 4)
    like = score + 0.1 * root_stream(4, "noise").standard_normal(600)
    own = EpisodeResamples.draw(failed, task, root_stream(4, "b")).estimate_auroc(score).interval
    gain = (
        EpisodeResamples.draw(failed, task, root_stream(4, "b")).estimate_gain(score, like).interval
    )
    assert gain.high - gain.low < (own.high - own.low) / 2


def test_where_auroc_is_undefined_so_is_its_interval() -> None:
    score, task = np.arange(6.0), np.zeros(6, int)
    resamples = EpisodeResamples.draw(np.ones(6, bool), task, root_stream(5, "b"))
    got, gain = resamples.estimate_auroc(score), resamples.estimate_gain(score, score)
    assert np.isnan([got.value, got.interval.low, got.interval.high]).all()
    assert np.isnan([gain.value, gain.interval.low]).all()


@settings(deadline=None)
@given(UNITS, st.booleans())
def test_without_a_cluster_in_turn_it_is_auroc_of_the_others(
    units: list[tuple[int, bool, int]], within: bool
) -> None:
    score, failed, task = (np.array(column) for column in zip(*units, strict=True))
    cluster = np.arange(len(score)) // 3
    resamples = EpisodeResamples.draw(failed, task, root_stream(8, "b"), cluster=cluster, draws=5)
    found = resamples._count_pairs(score.astype(float), within).left_out
    names = sorted({(int(t), int(c)) for t, c in zip(task, cluster, strict=True)})
    assert len(found) == len(names)
    for value, name in zip(found, names, strict=True):
        rest = ~((task == name[0]) & (cluster == name[1]))
        s, y, g = score[rest].astype(float), failed[rest], task[rest]
        expected = compute_auroc_within(s, y, g) if within else compute_auroc(s, y)
        np.testing.assert_allclose(value, expected)
    for name in names:
        here = (task == name[0]) & (cluster == name[1])
        assert (resamples.weights[here] == resamples.weights[here][0]).all()


def test_episodes_that_go_alike_widen_the_interval_by_their_number() -> None:
    score, failed, task = episodes(300, 9)
    four = [np.repeat(a, 4) for a in (score, failed, task)]
    one = EpisodeResamples.draw(failed, task, root_stream(9, "b")).estimate_auroc(score)
    many = EpisodeResamples.draw(
        four[1], four[2], root_stream(9, "b"), cluster=np.repeat(np.arange(300), 4)
    ).estimate_auroc(four[0])
    assert many.value == pytest.approx(one.value)
    assert (many.interval.low, many.interval.high) == pytest.approx(
        (one.interval.low, one.interval.high), abs=0.01
    )


def test_other_units_are_refused() -> None:
    with pytest.raises(ShapeError):
        EpisodeResamples.draw(np.ones(3, bool), np.zeros(2, int), root_stream(0, "b"))
    with pytest.raises(ShapeError):
        EpisodeResamples.draw(
            np.ones(3, bool), np.zeros(3, int), root_stream(0, "b"), cluster=np.zeros(2, int)
        )
    with pytest.raises(ShapeError):
        EpisodeResamples.draw(
            np.ones(3, bool), np.zeros(3, int), root_stream(0, "b")
        ).estimate_auroc(np.zeros(2))


@pytest.mark.slow
@pytest.mark.parametrize("within", [False, True])
def test_the_truth_is_covered_as_often_as_promised(within: bool) -> None:
    one = np.zeros(400_000, int)
    if within:
        rng = root_stream(6, "truth")
        truth = compute_auroc(
            np.concatenate([rng.standard_normal(200_000) + 1, rng.standard_normal(200_000)]),
            one + np.repeat([True, False], 200_000) > 0,
        )
    else:
        truth = float(np.mean([compute_auroc(*episodes(4000, 10_000 + k)[:2]) for k in range(100)]))
    studies, hits = 500, 0
    for k in range(studies):
        score, failed, task = episodes(400, 100 + k)
        got = (
            EpisodeResamples.draw(failed, task, root_stream(k, "b"), draws=800)
            .estimate_auroc(score, within=within)
            .interval
        )
        hits += got.low <= truth <= got.high
    assert hits / studies == pytest.approx(0.95, abs=4 * (0.95 * 0.05 / studies) ** 0.5)
