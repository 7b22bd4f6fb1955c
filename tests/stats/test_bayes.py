"""The Bayesian complement: against the beta distribution, and its laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta

from aegis.core.errors import ShapeError
from aegis.core.seeds import root_stream
from aegis.stats.bayes import PRIOR, difference_posterior
from aegis.stats.paired_intervals import tango_interval
from aegis.stats.paired_outcome import PairedOutcome

CELLS = st.tuples(*[st.integers(0, 50)] * 4).filter(any).map(lambda c: PairedOutcome(*c))


def test_the_arm_is_better_as_often_as_the_share_of_recovered_exceeds_one_half() -> None:
    # Of one task, recovered / (recovered + disrupted) is Beta(b + a, c + a), independent of the
    # rest, so P(D > 0) has a closed form.
    cells = PairedOutcome(12, 5, 40, 43)
    got = difference_posterior([cells], root_stream(1, "p"), draws=200_000)
    assert got.p_positive == pytest.approx(beta.sf(0.5, 12 + PRIOR, 5 + PRIOR), abs=0.003)
    assert got.mean == pytest.approx((12 - 5) / 101)


def test_with_many_units_it_agrees_with_the_score_interval() -> None:
    cells = PairedOutcome(150, 90, 700, 560)
    got, other = difference_posterior([cells], root_stream(2, "p")), tango_interval(cells)
    assert (got.interval.low, got.interval.high) == pytest.approx(
        (other.low, other.high), abs=0.002
    )


def test_tasks_count_by_their_units() -> None:
    small, large = PairedOutcome(10, 0, 0, 0), PairedOutcome(0, 0, 500, 490)
    got = difference_posterior([small, large], root_stream(3, "p"))
    assert got.mean == pytest.approx(0.01 * 10 / 11, abs=1e-9)
    assert got.interval.low < got.mean < got.interval.high


@settings(deadline=None, max_examples=40)
@given(st.lists(CELLS, min_size=1, max_size=4))
def test_swapping_the_arms_mirrors_it(tasks: list[PairedOutcome]) -> None:
    swapped = [PairedOutcome(t.disrupted, t.recovered, t.both, t.neither) for t in tasks]
    one = difference_posterior(tasks, root_stream(4, "p"), draws=4000)
    two = difference_posterior(swapped, root_stream(4, "q"), draws=4000)
    assert one.mean == pytest.approx(-two.mean)
    # Hoeffding: shares of 4,000 draws each differ by more with probability 2 exp(-4000 * 0.08^2),
    # below 1e-9 over all examples.
    assert one.p_positive == pytest.approx(1 - two.p_positive, abs=0.08)
    assert one.p_above <= one.p_positive
    assert -1 <= one.interval.low <= one.interval.high <= 1


def test_the_prior_weighs_one_unit_and_favours_nobody() -> None:
    cells = PairedOutcome(1, 0, 0, 0)
    assert difference_posterior([cells], root_stream(5, "p")).mean == pytest.approx(0.5)
    got = difference_posterior([PairedOutcome(0, 0, 30, 30)], root_stream(5, "p"))
    assert got.mean == 0.0
    assert got.p_positive == pytest.approx(0.5, abs=0.02)
    assert got.p_above < 0.05


def test_the_draws_are_addressed() -> None:
    tasks = [PairedOutcome(5, 2, 20, 23), PairedOutcome(1, 4, 30, 15)]
    one, two = (difference_posterior(tasks, root_stream(6, "p")) for _ in range(2))
    assert one == two


def test_nothing_seen_is_refused() -> None:
    for tasks in ([], [PairedOutcome(0, 0, 0, 0)]):
        with pytest.raises(ShapeError, match="Need units"):
            difference_posterior(tasks, root_stream(0, "p"))
    with pytest.raises(ShapeError, match="prior"):
        difference_posterior([PairedOutcome(1, 1, 1, 1)], root_stream(0, "p"), prior=0.0)


@pytest.mark.slow
def test_credible_intervals_cover_about_as_often_as_they_say() -> None:
    rng = root_stream(7, "truth")
    p = np.array([[0.12, 0.05, 0.43, 0.40], [0.02, 0.01, 0.90, 0.07], [0.20, 0.10, 0.1, 0.6]])
    truth, studies, hits = float((p[:, 0] - p[:, 1]).mean()), 1000, 0
    for k in range(studies):
        tasks = [PairedOutcome(*map(int, rng.multinomial(100, row))) for row in p]
        got = difference_posterior(tasks, root_stream(k, "p"), draws=2000).interval
        hits += got.low <= truth <= got.high
    assert hits / studies == pytest.approx(0.95, abs=4 * (0.95 * 0.05 / studies) ** 0.5)
