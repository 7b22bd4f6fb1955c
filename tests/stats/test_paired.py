"""McNemar and Holm against scipy, textbook values and their laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from aegis.core.errors import ShapeError
from aegis.stats.multiplicity import holm
from aegis.stats.paired import PairedOutcome

COUNTS = st.integers(0, 60)


def outcome(b: int, c: int) -> PairedOutcome:
    return PairedOutcome(b, c, 5, 7)


@given(COUNTS, COUNTS)
def test_it_is_scipys_exact_sign_test(b: int, c: int) -> None:
    expected = binomtest(b, b + c, 0.5, alternative="greater").pvalue if b + c else 1.0
    assert outcome(b, c).mcnemar() == pytest.approx(expected)


def test_the_published_contrast_is_reproduced_from_its_likely_cells() -> None:
    # 65 against 30 recoveries of which 15 are shared: b = 50, c = 15.
    assert outcome(50, 15).mcnemar() == pytest.approx(7.9e-6, rel=0.02)


def test_five_against_none_is_one_in_thirty_two() -> None:
    assert outcome(5, 0).mcnemar() == pytest.approx(1 / 32)
    assert outcome(5, 0).mid_p() == pytest.approx(1 / 64)


@given(COUNTS, COUNTS)
def test_more_recoveries_never_weaken_the_evidence(b: int, c: int) -> None:
    assert outcome(b + 1, c).mcnemar() <= outcome(b, c).mcnemar() + 1e-12
    assert outcome(b, c + 1).mcnemar() >= outcome(b, c).mcnemar() - 1e-12


@given(COUNTS, COUNTS)
def test_both_sides_overlap_in_the_observed_table(b: int, c: int) -> None:
    there, back = outcome(b, c), outcome(c, b)
    assert there.mid_p() + back.mid_p() == pytest.approx(1.0)
    assert there.mid_p() <= there.mcnemar() <= 1


@given(COUNTS, COUNTS, COUNTS, COUNTS)
def test_the_level_holds_under_the_null(b: int, c: int, both: int, neither: int) -> None:
    # Concordant units carry no evidence.
    assert PairedOutcome(b, c, both, neither).mcnemar() == outcome(b, c).mcnemar()


@given(st.lists(st.tuples(st.booleans(), st.booleans())))
def test_counting_loses_no_unit(pairs: list[tuple[bool, bool]]) -> None:
    x = np.array([p[0] for p in pairs], bool)
    y = np.array([p[1] for p in pairs], bool)
    got = PairedOutcome.of(x, y)
    assert got.units == len(pairs)
    if pairs:
        assert got.difference == pytest.approx(x.mean() - y.mean())


def test_rates_are_conditioned_on_the_reference() -> None:
    got = PairedOutcome(recovered=3, disrupted=1, both=9, neither=7)
    assert (got.recovered_rate, got.disrupted_rate, got.difference) == (0.3, 0.1, 0.1)
    empty = PairedOutcome(0, 0, 0, 0)
    assert np.isnan([empty.recovered_rate, empty.disrupted_rate, empty.difference]).all()
    assert empty.mcnemar() == 1.0


def test_impossible_input_is_refused() -> None:
    with pytest.raises(ShapeError, match="not be negative"):
        PairedOutcome(-1, 0, 0, 0)
    with pytest.raises(ShapeError, match="same units"):
        PairedOutcome.of(np.ones(2, bool), np.ones(3, bool))


# --- Holm ---------------------------------------------------------------------------------


def test_holm_on_a_worked_example() -> None:
    got = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})
    assert got == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06, "d": 0.02})
    assert list(got) == ["a", "b", "c", "d"]


@given(st.dictionaries(st.text(max_size=3), st.floats(0, 1), max_size=8))
def test_holm_lies_between_none_and_bonferroni_and_keeps_the_order(ps: dict[str, float]) -> None:
    got = holm(ps)
    for name, p in ps.items():
        assert p <= got[name] <= min(1.0, p * len(ps))
    names = sorted(ps, key=lambda name: ps[name])
    assert [got[n] for n in names] == sorted(got.values())


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_holm_refuses_what_is_no_probability(p: float) -> None:
    with pytest.raises(ShapeError, match="p-value of 'x'"):
        holm({"x": p})
