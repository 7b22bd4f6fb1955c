"""Outcomes: rows of all arms are paired, ordered as planned, or refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis.core.errors import PairingError, UnknownNameError
from aegis.fleet.units import Split, list_units
from aegis.stats.e_process import log_e_path, stopping_time
from aegis.study.outcomes import Outcomes, wilson_share
from tests.study.rows import row, rows


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


@given(st.permutations(range(4)), st.integers(1, 13), st.data())
def test_the_order_is_the_one_in_which_units_are_listed(
    tasks: list[int], count: int, data: st.DataObject
) -> None:
    listed = list_units(7, "toy", tasks, "wide", Split.TEST, count)
    played = [
        replace(row("weak", 0, True), task=key.task, index=key.index)
        for key in data.draw(st.permutations(listed))
    ]
    found = Outcomes.from_rows(played, ("weak",), tasks)
    assert [(key.task, key.index) for key in found.keys] == [(k.task, k.index) for k in listed]


def test_a_sequential_study_stops_where_its_plan_does() -> None:
    """Task 3 is played first: all of the arm's gains lie there, so the path crosses early."""
    keys = list_units(7, "toy", [3, 0], "wide", Split.TEST, 40)
    won = {arm: [key.task == 3 and arm == "ours" for key in keys] for arm in ("weak", "ours")}
    played = [
        replace(row(arm, 0, ok), task=key.task, index=key.index)
        for arm, hits in won.items()
        for key, ok in zip(keys, hits, strict=True)
    ]
    stops = []
    for tasks in ((3, 0), ()):
        found = Outcomes.from_rows(played, ("weak", "ours"), tasks)
        path = log_e_path(found.success["ours"], found.success["weak"])
        stops.append(stopping_time(path, 0.05))
    assert stops == [13, 14], "the seventh unit of task 3 is the 13th of the plan"


def test_units_of_one_start_state_share_its_number() -> None:
    """Another root seed is other noise, and other start states only if these are drawn from it."""
    one = rows("weak", "0101")
    found = Outcomes.from_rows([*one, *(replace(each, root=8) for each in one)], ("weak",))
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
