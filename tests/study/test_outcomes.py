"""Outcomes: rows of all arms are paired, ordered as planned, or refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aegis.core.errors import PairingError, UnknownNameError
from aegis.study.outcomes import Outcomes, wilson_share
from tests.study.rows import rows


def test_units_come_in_the_planned_order() -> None:
    episodes = rows("weak", "011010") + rows("ours", "111000", 10)
    found = Outcomes.from_rows(list(reversed(episodes)), ("weak", "ours"))
    assert [(key.index, key.task) for key in found.keys] == [
        (0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1),
    ]  # fmt: skip
    assert found.success["weak"].tolist() == [False, True, True, False, True, False]
    assert found.strong["ours"].tolist() == [10.0] * 6
    assert found.n == len(set(found.start.tolist())) == 6
    assert found.root == 7


def test_units_of_one_start_state_share_its_number() -> None:
    """Another root seed is other noise, and other start states only if these are drawn from it."""
    one = rows("weak", "0101")
    found = Outcomes.from_rows([*one, *(replace(row, root=8) for row in one)], ("weak",))
    assert found.n == 8
    assert np.bincount(found.start).tolist() == [2, 2, 2, 2]


def test_arms_that_do_not_pair_are_refused() -> None:
    weak, ours = rows("weak", "0101"), rows("ours", "0101", 10)
    with pytest.raises(PairingError, match="not run on the same units"):
        Outcomes.from_rows(weak + ours[:3], ("weak", "ours"))
    with pytest.raises(PairingError, match="several rows"):
        Outcomes.from_rows([*weak, *weak], ("weak",))
    with pytest.raises(UnknownNameError, match=r"Unknown arm 'our'.*Did you mean 'ours'"):
        Outcomes.from_rows(weak + ours, ("weak", "our"))


def test_share_of_nothing_is_unknown() -> None:
    found = wilson_share(np.zeros(0, bool))
    assert (found.count, found.of) == (0, 0)
    assert np.isnan(found.value)
    assert (found.ci.low, found.ci.high) == (0.0, 1.0)
