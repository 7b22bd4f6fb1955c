"""The promise of split conformal calibration, on simulated exchangeable episodes."""

from __future__ import annotations

from math import ceil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis.core.errors import CalibrationError
from aegis.core.seeds import root_stream
from aegis.stats.conformal_calibration import conformal_threshold, least_calibration_size


@pytest.mark.parametrize("n", [9, 37, 100])
@pytest.mark.parametrize("alpha", [0.10, 0.25])
def test_a_new_good_episode_raises_the_alarm_as_often_as_promised(n: int, alpha: float) -> None:
    rng = root_stream(11, "coverage", n, int(alpha * 100))
    trials = 4000
    scores = rng.standard_normal((trials, n + 1))
    alarms = [row[-1] > conformal_threshold(row[:-1], alpha) for row in scores]
    exact = 1 - ceil((n + 1) * (1 - alpha) - 1e-9) / (n + 1)
    assert exact <= alpha + 1e-9
    assert np.mean(alarms) == pytest.approx(exact, abs=4 * (exact * (1 - exact) / trials) ** 0.5)


def test_the_rank_on_a_worked_example() -> None:
    assert conformal_threshold(np.arange(1.0, 20.0), 0.10) == 18.0  # ceil(20 * 0.9) = 18
    assert conformal_threshold(np.arange(1.0, 10.0), 0.10) == 9.0


@given(st.floats(0.01, 0.99))
def test_the_least_number_is_just_enough(alpha: float) -> None:
    n = least_calibration_size(alpha)
    conformal_threshold(np.arange(float(n)), alpha)
    with pytest.raises(CalibrationError, match=f"at least {n} successful"):
        conformal_threshold(np.arange(float(n - 1)), alpha)


def test_known_least_numbers() -> None:
    assert [least_calibration_size(a) for a in (0.5, 0.2, 0.1, 0.05, 0.01)] == [1, 4, 9, 19, 99]


@given(st.lists(st.floats(0, 1), min_size=20, max_size=60), st.floats(0.05, 0.5))
def test_a_smaller_alpha_never_lowers_the_threshold(scores: list[float], alpha: float) -> None:
    values = np.array(scores)
    assert conformal_threshold(values, alpha) <= conformal_threshold(values, max(alpha / 2, 0.05))


@pytest.mark.parametrize("bad", [[np.nan] + [0.0] * 20, [np.inf] * 21])
def test_scores_that_are_no_numbers_are_refused(bad: list[float]) -> None:
    with pytest.raises(CalibrationError):
        conformal_threshold(np.array(bad), 0.1)


@pytest.mark.parametrize("alpha", [0.0, 1.0, float("nan")])
def test_alpha_must_be_a_rate(alpha: float) -> None:
    with pytest.raises(CalibrationError, match="alpha must lie"):
        least_calibration_size(alpha)
