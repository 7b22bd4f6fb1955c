"""McNemar and Holm against scipy, statsmodels, textbook values and their laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import betainc
from scipy.stats import binom, binomtest
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from aegis.core.errors import ShapeError
from aegis.stats.p_values import holm_adjusted
from aegis.stats.paired_outcome import PairedOutcome, binomial_tail, count_by_task

COUNTS = st.integers(0, 60)


def outcome(b: int, c: int) -> PairedOutcome:
    return PairedOutcome(b, c, 5, 7)


@given(COUNTS, COUNTS)
def test_it_is_scipys_exact_sign_test(b: int, c: int) -> None:
    expected = binomtest(b, b + c, 0.5, alternative="greater").pvalue if b + c else 1.0
    assert outcome(b, c).mcnemar_p() == pytest.approx(expected)


@given(COUNTS, COUNTS)
def test_twice_the_smaller_side_is_statsmodels_two_sided_test(b: int, c: int) -> None:
    ours = min(1.0, 2 * min(outcome(b, c).mcnemar_p(), outcome(c, b).mcnemar_p()))
    theirs = mcnemar([[5, b], [c, 7]], exact=True).pvalue
    assert ours == pytest.approx(min(1.0, float(theirs)), rel=1e-9)


def test_the_published_contrast_is_reproduced_from_its_likely_cells() -> None:
    # 65 against 30 recoveries of which 15 are shared: b = 50, c = 15.
    assert outcome(50, 15).mcnemar_p() == pytest.approx(7.9e-6, rel=0.02)


# Tables of statsmodels' tests of mcnemar(exact=True), whose answers come from VassarStats:
# two-sided p of one against the other discordant count.
@pytest.mark.parametrize(
    ("b", "c", "p"),
    [
        (121, 59, 0.000004),
        (70, 59, 0.378688),
        (80, 59, 0.089452),
        (60, 30, 0.00206),
        (30, 10, 0.002221),
    ],
)
def test_twice_one_side_is_what_statsmodels_gives(b: int, c: int, p: float) -> None:
    assert 2 * outcome(b, c).mcnemar_p() == pytest.approx(p, abs=1e-6)


def test_the_airways() -> None:
    # Airway hyper-responsiveness, 7 against 1 of 21: exact p 0.070, mid-p 0.039, two-sided, in
    # Fagerland, Lydersen and Laake (2013), BMC Medical Research Methodology 13:91.
    got = PairedOutcome(recovered=7, disrupted=1, both=1, neither=12)
    assert 2 * got.mcnemar_p() == pytest.approx(0.070, abs=5e-4)
    assert 2 * got.mid_p() == pytest.approx(0.039, abs=5e-4)


@given(st.integers(1, 400), st.data(), st.floats(0.01, 0.99))
def test_the_tail_is_an_incomplete_beta_function(n: int, data: st.DataObject, rate: float) -> None:
    k = data.draw(st.integers(1, n))
    expected = betainc(k, n - k + 1, rate)
    assert float(binomial_tail(k, n, rate)) == pytest.approx(expected, rel=1e-9)
    assert binomial_tail([0, n + 1], n, rate).tolist() == [1.0, 0.0]


def test_five_against_none_is_one_in_thirty_two() -> None:
    assert outcome(5, 0).mcnemar_p() == pytest.approx(1 / 32)
    assert outcome(5, 0).mid_p() == pytest.approx(1 / 64)


@given(COUNTS, COUNTS)
def test_more_recoveries_never_weaken_the_evidence(b: int, c: int) -> None:
    assert outcome(b + 1, c).mcnemar_p() <= outcome(b, c).mcnemar_p() + 1e-12
    assert outcome(b, c + 1).mcnemar_p() >= outcome(b, c).mcnemar_p() - 1e-12


@given(COUNTS, COUNTS)
def test_both_sides_overlap_in_the_observed_table(b: int, c: int) -> None:
    there, back = outcome(b, c), outcome(c, b)
    assert there.mid_p() + back.mid_p() == pytest.approx(1.0)
    assert there.mid_p() <= there.mcnemar_p() <= 1


@given(COUNTS, COUNTS, COUNTS, COUNTS)
def test_the_level_holds_under_the_null(b: int, c: int, both: int, neither: int) -> None:
    # Concordant units carry no evidence.
    assert PairedOutcome(b, c, both, neither).mcnemar_p() == outcome(b, c).mcnemar_p()


@given(st.lists(st.tuples(st.booleans(), st.booleans())))
def test_counting_loses_no_unit(pairs: list[tuple[bool, bool]]) -> None:
    x = np.array([p[0] for p in pairs], bool)
    y = np.array([p[1] for p in pairs], bool)
    got = PairedOutcome.from_success(x, y)
    assert got.units == len(pairs)
    if pairs:
        assert got.difference == pytest.approx(x.mean() - y.mean())


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 4))))
def test_tasks_add_up_to_all(units: list[tuple[bool, bool, int]]) -> None:
    x, y = (np.array([u[i] for u in units], bool) for i in (0, 1))
    task = np.array([u[2] for u in units], int)
    parts, whole = count_by_task(x, y, task), PairedOutcome.from_success(x, y)
    assert list(parts) == sorted(set(task.tolist()))
    for name in ("recovered", "disrupted", "both", "neither"):
        assert sum(getattr(part, name) for part in parts.values()) == getattr(whole, name)


def test_of_no_unit_nothing_is_known() -> None:
    empty = PairedOutcome(0, 0, 0, 0)
    assert np.isnan(empty.difference)
    assert empty.mcnemar_p() == 1.0


def test_impossible_input_is_refused() -> None:
    with pytest.raises(ShapeError, match="not be negative"):
        PairedOutcome(-1, 0, 0, 0)
    with pytest.raises(ShapeError, match="same units"):
        PairedOutcome.from_success(np.ones(2, bool), np.ones(3, bool))
    with pytest.raises(ShapeError, match="same units"):
        count_by_task(np.ones(2, bool), np.ones(2, bool), np.zeros(3, int))


# --- Holm ---------------------------------------------------------------------------------


def test_holm_on_a_worked_example() -> None:
    got = holm_adjusted({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})
    assert got == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06, "d": 0.02})
    assert list(got) == ["a", "b", "c", "d"]


@given(st.dictionaries(st.text(max_size=3), st.floats(0, 1), max_size=8))
def test_holm_lies_between_none_and_bonferroni_and_keeps_the_order(ps: dict[str, float]) -> None:
    got = holm_adjusted(ps)
    for name, p in ps.items():
        assert p <= got[name] <= min(1.0, p * len(ps))
    names = sorted(ps, key=lambda name: ps[name])
    assert [got[n] for n in names] == sorted(got.values())


@settings(max_examples=15)  # statsmodels collects garbage in each call
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_is_statsmodels(ps: list[float]) -> None:
    got = holm_adjusted({str(i): p for i, p in enumerate(ps)})
    np.testing.assert_allclose(list(got.values()), multipletests(ps, method="holm")[1], rtol=1e-12)


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_holm_refuses_what_is_no_probability(p: float) -> None:
    with pytest.raises(ShapeError, match="p-value of 'x'"):
        holm_adjusted({"x": p})


@given(st.integers(0, 400), st.integers(0, 402), st.sampled_from([0.0, 0.3, 0.5, 1.0]))
def test_the_tail_is_scipys_bit_for_bit(trials: int, hits: int, rate: float) -> None:
    assert binomial_tail(hits, trials, rate) == binom.sf(hits - 1, trials, rate)
