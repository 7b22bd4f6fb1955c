"""Fitting, calibrating and judging a probe on simulated episodes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aegis.core.errors import CalibrationError, UnknownNameError
from aegis.detectors.probe import Probe
from aegis.fitting.judgement import ADVANTAGE, judge_probe
from aegis.fitting.probe_fit import choose_fit, fit_probe
from aegis.fitting.table import join_tables
from tests.fitting.data import HORIZON, make_rollouts


def fit(
    kind: str = "logistic",
    alpha: float = 0.1,
    windows: tuple[float, ...] = (0.3,),
    **sets: object,
) -> Probe:
    parts = {"train": make_rollouts("train"), "calibration": make_rollouts("calibration")} | sets
    return fit_probe(**parts, kind=kind, alpha=alpha, guard=0.2, root=3, windows=windows)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["logistic", "mlp"])
def test_it_finds_what_there_is_to_find(kind: str) -> None:
    probe = fit(kind)
    report = judge_probe(probe, make_rollouts("train"), make_rollouts("test"), root=3, draws=50)
    lines = {line.name: line for line in report.lines}
    best = lines[f"probe ({kind})"]
    assert best.pooled > 0.9
    assert best.within > 0.9
    assert best.pooled_ci.low <= best.pooled <= best.pooled_ci.high
    for name in ("time", "task", "proprio + time"):
        assert abs(lines[name].pooled - 0.5) < 0.25
    assert lines["task"].within == 0.5


def test_where_there_is_nothing_it_finds_nothing() -> None:
    deaf = {
        "train": make_rollouts("train", signal=0.0),
        "calibration": make_rollouts("cal", signal=0.0),
    }
    report = judge_probe(
        fit(**deaf), deaf["train"], make_rollouts("test", 200, signal=0.0), root=3, draws=50
    )
    assert abs(report.lines[0].pooled - 0.5) < 0.12


def test_false_alarms_keep_the_promise_on_new_episodes() -> None:
    probe = fit(calibration=make_rollouts("calibration", 400))
    report = judge_probe(
        probe, make_rollouts("train"), make_rollouts("test", 400), root=3, draws=10
    )
    assert report.alarms.false_ci.low <= 0.1
    assert report.alarms.detected > 0.5
    assert probe.release < probe.threshold


def test_the_threshold_is_the_rank_of_the_highest_risk_after_the_guard() -> None:
    cal = make_rollouts("calibration")
    probe = fit(calibration=cal)
    risk = probe.compute_risk(cal.features)
    numbers = np.unique(cal.episode[~cal.positive])
    highest = sorted(risk[(cal.episode == e) & (cal.k >= 0.2 * HORIZON)].max() for e in numbers)
    rank = int(np.ceil((len(numbers) + 1) * 0.9))
    assert probe.threshold == highest[rank - 1]
    assert probe.n_calibration == len(numbers)


@pytest.mark.slow
def test_the_training_window_is_chosen_by_what_it_sees_early() -> None:
    # Activations that tell the outcome early and are turned round later: train early only.
    rows = make_rollouts("train")
    turned = np.where(rows.k >= 30, -1, 1)[:, None].astype(np.float32) * rows.features
    assert choose_fit(replace(rows, features=turned), "logistic", (1.0, 0.3), 3).window == 0.3


def test_fitting_is_repeatable() -> None:
    train, calibration = make_rollouts("train", 40), make_rollouts("calibration", 60)
    for kind in ("logistic", "mlp"):
        probes = [fit(kind, train=train, calibration=calibration) for _ in range(2)]
        assert probes[0].threshold == probes[1].threshold
        np.testing.assert_array_equal(*(probe.head.weights[0] for probe in probes))


def test_data_that_cannot_support_a_fit_are_refused() -> None:
    with pytest.raises(CalibrationError, match="no failures among 80"):
        fit(train=make_rollouts("train", p_fail=0.0))
    with pytest.raises(CalibrationError, match="no successes among 80"):
        fit(train=make_rollouts("train", p_fail=1.0))
    with pytest.raises(CalibrationError, match="at least 99 successful"):
        fit(alpha=0.01)
    with pytest.raises(CalibrationError, match=r"start states are in both sets.*Split by start"):
        fit(calibration=make_rollouts("train"))
    with pytest.raises(CalibrationError, match="differ in policy_digest: 'd0' and 'd1'"):
        fit(calibration=make_rollouts("calibration", digest="d1"))
    with pytest.raises(CalibrationError, match="at least 2 of each"):
        fit(train=make_rollouts("train", 2, p_fail=0.5))
    with pytest.raises(UnknownNameError, match="forest"):
        fit("forest")


def test_forks_of_one_start_state_are_resampled_together() -> None:
    probe, train, test = (
        fit(),
        make_rollouts("train", signal=0.5),
        make_rollouts("test", signal=0.5),
    )
    again = replace(test, episode=test.episode + test.episodes)
    once, twice = (
        judge_probe(probe, train, rows, root=3, draws=50, label=ADVANTAGE).lines[0]
        for rows in (test, join_tables([test, again]))
    )
    assert (once.pooled_ci, once.within_ci) == (twice.pooled_ci, twice.within_ci)
    assert once.pooled_ci.low < once.pooled < once.pooled_ci.high


def test_the_report_counts_where_time_leaks_and_prints() -> None:
    report = judge_probe(
        fit(), make_rollouts("train"), make_rollouts("test"), root=3, window=0.6, draws=20
    )
    test = make_rollouts("test")
    lengths = {e: int((test.episode == e).sum()) * 5 for e in np.unique(test.episode)}
    assert report.ended == sum(n < 60 for n in lengths.values())
    text = report.format_table()
    assert "probe (logistic)" in text
    assert "not measured" in text
    assert report.as_dict()["lines"][0]["pooled"] == report.lines[0].pooled
