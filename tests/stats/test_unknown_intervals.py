"""Intervals of data that cannot tell how far they are off are unknown, not narrow."""

from __future__ import annotations

import numpy as np
import pytest

from aegis.core.seeds import root_stream
from aegis.stats.differences import clustered_difference


def test_a_single_unit_of_each_task_leaves_the_interval_unknown() -> None:
    won, lost = np.array([True, True, False]), np.array([False, True, False])
    task, start = np.arange(3), np.zeros(3, int)
    alone = clustered_difference(won, lost, task, start, root_stream(9, "b"))
    assert alone.value == pytest.approx(1 / 3)
    assert np.isnan([alone.interval.low, alone.interval.high]).all()
    task[1] = 0  # two units of one task
    start[1] = 1
    known = clustered_difference(won, lost, task, start, root_stream(9, "b"))
    assert known.interval.low < known.value < known.interval.high or known.interval.low == 0
