"""The sign-flip test: against enumeration, McNemar and its level."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis.core.errors import ShapeError
from aegis.core.seeds import root_stream
from aegis.stats.p_values import sign_flip_p
from aegis.stats.paired_outcome import PairedOutcome

UNITS = st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 5)), max_size=60)


def arrays(units: list[tuple[bool, bool, int]]) -> tuple[np.ndarray, ...]:
    x, y = (np.array([u[i] for u in units], bool) for i in (0, 1))
    return x, y, np.array([u[2] for u in units], int)


@given(UNITS)
def test_units_on_their_own_are_mcnemars_test(units: list[tuple[bool, bool, int]]) -> None:
    x, y, _ = arrays(units)
    assert sign_flip_p(x, y) == pytest.approx(PairedOutcome.from_success(x, y).mcnemar_p())


@given(UNITS)
def test_it_counts_all_sign_patterns(units: list[tuple[bool, bool, int]]) -> None:
    x, y, cluster = arrays(units)
    gains = [int(x[cluster == c].sum()) - int(y[cluster == c].sum()) for c in range(6)]
    flips = [
        sum(s * g for s, g in zip(signs, gains, strict=True))
        for signs in product((-1, 1), repeat=6)
    ]
    expected = np.mean([total >= sum(gains) for total in flips])
    assert sign_flip_p(x, y, cluster) == pytest.approx(expected)


def test_ten_tasks_that_all_gain_are_one_in_1024() -> None:
    task = np.repeat(np.arange(10), 50)
    x = np.arange(500) % 3 > 0
    assert sign_flip_p(x, np.zeros(500, bool), task) == pytest.approx(1 / 1024)


def test_labels_combine() -> None:
    rng = root_stream(1, "labels")
    x, y = rng.random(200) < 0.6, rng.random(200) < 0.5
    task, start = np.arange(200) % 4, np.arange(200) // 20
    assert sign_flip_p(x, y, task, start) == pytest.approx(sign_flip_p(x, y, task * 100 + start))


def test_copies_of_units_are_no_evidence() -> None:
    rng = root_stream(2, "copies")
    x, y = rng.random(80) < 0.6, rng.random(80) < 0.5
    once = sign_flip_p(x, y)
    start = np.repeat(np.arange(80), 3)
    assert sign_flip_p(np.repeat(x, 3), np.repeat(y, 3), start) == pytest.approx(once)
    assert sign_flip_p(np.repeat(x, 3), np.repeat(y, 3)) < once


def test_nothing_is_no_evidence_and_other_units_are_refused() -> None:
    assert sign_flip_p(np.zeros(0, bool), np.zeros(0, bool)) == 1.0
    with pytest.raises(ShapeError, match="same units"):
        sign_flip_p(np.ones(2, bool), np.ones(2, bool), np.zeros(3, int))
