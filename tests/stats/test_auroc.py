"""Invariances of AUROC."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu
from sklearn.metrics import roc_auc_score

from aegis.core.errors import ShapeError
from aegis.stats.auroc import compute_auroc, compute_auroc_within

UNITS = st.lists(st.tuples(st.integers(-20, 20), st.booleans(), st.integers(0, 3)), min_size=2)


def arrays(units: list[tuple[int, bool, int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    s, y, g = (np.array(column) for column in zip(*units, strict=True))
    assume(y.any() and not y.all())
    return s.astype(float), y, g


@given(UNITS)
def test_it_is_sklearns_and_scipys_with_ties(units: list[tuple[int, bool, int]]) -> None:
    s, y, _ = arrays(units)
    assert compute_auroc(s, y) == pytest.approx(roc_auc_score(y, s))
    pairs = int(y.sum()) * int((~y).sum())
    assert compute_auroc(s, y) == pytest.approx(mannwhitneyu(s[y], s[~y]).statistic / pairs)


@given(UNITS)
def test_only_the_order_counts_and_reversal_mirrors(units: list[tuple[int, bool, int]]) -> None:
    s, y, _ = arrays(units)
    assert compute_auroc(np.exp(s / 10), y) == pytest.approx(compute_auroc(s, y))
    assert compute_auroc(-s, y) == pytest.approx(1 - compute_auroc(s, y))
    assert compute_auroc(s, ~y) == pytest.approx(1 - compute_auroc(s, y))


@given(UNITS)
def test_within_ignores_what_differs_between_groups(units: list[tuple[int, bool, int]]) -> None:
    s, y, g = arrays(units)
    shifted = compute_auroc_within(s + 1000 * g, y, g)
    np.testing.assert_allclose(shifted, compute_auroc_within(s, y, g))
    assert compute_auroc_within(s, y, np.zeros(len(s), int)) == pytest.approx(compute_auroc(s, y))


def test_a_score_that_only_knows_the_group_is_worth_nothing_within() -> None:
    g = np.repeat([0, 1], 10)
    y = np.array(([True] * 8 + [False] * 2) + ([True] * 2 + [False] * 8))
    assert compute_auroc(-g.astype(float), y) == pytest.approx(0.8)
    assert compute_auroc_within(-g.astype(float), y, g) == pytest.approx(0.5)


def test_unknown_counts_as_risk() -> None:
    assert compute_auroc(np.array([np.nan, 3.0, 2.0]), np.array([True, False, False])) == 1.0


def test_one_class_has_no_auroc() -> None:
    assert np.isnan(compute_auroc(np.arange(3.0), np.ones(3, bool)))
    assert np.isnan(compute_auroc_within(np.arange(2.0), np.array([True, False]), np.arange(2)))
    with pytest.raises(ShapeError):
        compute_auroc(np.arange(3.0), np.ones(2, bool))
    with pytest.raises(ShapeError):
        compute_auroc_within(np.arange(2.0), np.ones(2, bool), np.arange(3))
