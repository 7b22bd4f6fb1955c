"""The analysis on simulated studies whose truth is known: errors and coverage are as promised."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import ndtr

from aegis.study.analysis.contrast_result import ContrastResult
from aegis.study.analysis.contrasts import compare_success

Bools = NDArray[np.bool_]
TASKS, STUDIES = 10, 2000
DIFFICULTY = np.linspace(-1.0, 1.5, TASKS)


def simulate_study(
    rng: np.random.Generator, n: int, lift: float
) -> tuple[Bools, Bools, Bools, NDArray[np.int64]]:
    """Returns reference, other arm and arm, which share a latent ease of each start state."""
    task = np.arange(n) % TASKS
    ease = DIFFICULTY[task] + rng.normal(size=n)
    noise = rng.normal(size=(3, n))
    reference, against = ease + noise[0] > 1.2, ease + noise[1] > 0.8
    return reference, against, ease + noise[2] > 0.8 - lift, task


def compute_truth(lift: float) -> tuple[float, float]:
    """Returns the difference over all units, and on those that the reference fails."""
    grid = np.linspace(-8, 8, 4001)
    weight = np.exp(-(grid**2) / 2)
    weight /= weight.sum()
    ease = DIFFICULTY[:, None] + grid
    gain = ndtr(ease - 0.8 + lift) - ndtr(ease - 0.8)
    lost = ndtr(1.2 - ease)
    over = float((weight * gain).sum() / TASKS)
    return over, float((weight * gain * lost).sum() / (weight * lost).sum())


def simulate_studies(n: int, lift: float, draws: int, count: int = STUDIES) -> list[ContrastResult]:
    rng = np.random.default_rng(2024)
    found = []
    for i in range(count):
        reference, against, arm, task = simulate_study(rng, n, lift)
        found.append(
            compare_success(arm, against, reference, task, np.arange(n), root=i, draws=draws)
        )
    return found


@pytest.mark.slow
def test_type_one_error_is_at_most_alpha() -> None:
    found = simulate_studies(400, 0.0, draws=20)
    slack = 3 * np.sqrt(0.05 * 0.95 / STUDIES)
    assert np.mean([c.p <= 0.05 for c in found]) <= 0.05 + slack
    assert np.mean([c.failures_p <= 0.05 for c in found]) <= 0.05 + slack
    assert np.mean([c.looks.stop is not None for c in found]) <= 0.05 + slack
    assert np.mean([c.p <= 0.05 for c in found]) >= 0.02  # and it is a test, not a constant


@pytest.mark.slow
def test_intervals_cover_what_they_promise() -> None:
    over, conditional = compute_truth(0.4)
    found = simulate_studies(400, 0.4, draws=1000)
    slack = 3 * np.sqrt(0.05 * 0.95 / STUDIES)

    def coverage(low: list[float], high: list[float], value: float) -> float:
        return float(np.mean((np.array(low) <= value) & (value <= np.array(high))))

    pairs = [c.difference.ci for c in found]
    assert coverage([i.low for i in pairs], [i.high for i in pairs], over) == pytest.approx(
        0.95, abs=slack
    )
    pairs = [c.recovered_difference.ci for c in found]
    assert coverage([i.low for i in pairs], [i.high for i in pairs], conditional) == pytest.approx(
        0.95, abs=slack + 0.005
    )
    pairs = [c.posterior.ci for c in found]
    assert coverage([i.low for i in pairs], [i.high for i in pairs], over) == pytest.approx(
        0.95, abs=slack + 0.01
    )
    assert np.mean([c.difference.value for c in found]) == pytest.approx(over, abs=0.002)
    ratios = np.mean([c.recovered_difference.value for c in found])
    assert ratios == pytest.approx(conditional, abs=0.003)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("recovered", "disrupted", "n"), [(0.10, 0.05, 400), (0.15, 0.05, 140), (0.06, 0.01, 190)]
)
def test_power_is_as_tabled(recovered: float, disrupted: float, n: int) -> None:
    """Smallest numbers of pairs for a power of .8 at .05; their neighbours differ by .01."""
    rng = np.random.default_rng(7)
    hits = []
    for _ in range(600):
        u = rng.random(n)
        arm, against = u < recovered, (u >= recovered) & (u < recovered + disrupted)
        none = np.zeros(n, bool)
        found = compare_success(arm, against, none, np.arange(n) % TASKS, np.arange(n), draws=2)
        hits.append(found.passed)
    assert np.mean(hits) == pytest.approx(0.81, abs=3 * np.sqrt(0.8 * 0.2 / 600) + 0.01)
