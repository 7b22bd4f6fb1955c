"""The harness: turns, medians, work, other processes, closing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis.bench.contest import Clocks, measure_contest
from aegis.core.errors import ConfigError


@dataclass
class Fake:
    """A contest that spends made-up time."""

    costs: list[float]
    cost: float
    reference: str = "them"
    more: dict[str, Any] = field(default_factory=dict)
    name: str = "fake"
    now: float = 0.0
    child: float = 0.0
    turns: str = ""
    closed: int = 0

    def run_ours(self) -> None:
        self.now += self.costs[self.turns.count("o") % len(self.costs)]
        self.child += 1.0
        self.turns += "o"

    def run_reference(self) -> None:
        self.now += self.cost
        self.turns += "t"

    def collect_facts(self) -> dict[str, Any]:
        return dict(self.more)

    def close(self) -> None:
        self.closed += 1

    def clocks(self) -> Clocks:
        return Clocks(cpu=lambda: self.now, other=lambda pid: self.child, wall=lambda: 2 * self.now)


@given(st.lists(st.floats(0.5, 8), min_size=1, max_size=7), st.floats(0.5, 8), st.integers(1, 5))
def test_ratio_is_of_medians_per_work(costs: list[float], cost: float, work: int) -> None:
    fake = Fake(costs, cost, more={"ours_work": work, "theirs_work": 1})
    row = measure_contest(fake, len(costs), fake.clocks())
    middle = sorted(row.cpu_ms)
    half = len(middle) // 2
    median = middle[half] if len(middle) % 2 else (middle[half - 1] + middle[half]) / 2
    assert row.ratio == pytest.approx(1e3 * cost * work / median)
    assert row.wall_ms == pytest.approx([2 * ms for ms in row.cpu_ms])
    assert fake.turns == "ot" * len(costs)
    assert fake.closed == 1


def test_worker_processes_count() -> None:
    fake = Fake([1.0], 1.0)
    fake.processes = lambda: (7,)  # type: ignore[attr-defined]
    row = measure_contest(fake, 2, fake.clocks())
    assert row.cpu_ms == pytest.approx((2000.0, 2000.0))  # one here, one in the worker
    assert row.reference_cpu_ms == pytest.approx((1000.0, 1000.0))


def test_without_a_reference_there_is_no_ratio() -> None:
    fake = Fake([1.0], 1.0, reference="")
    row = measure_contest(fake, 3, fake.clocks())
    assert row.ratio is None
    assert fake.turns == "ooo"
    assert row.as_dict()["reference_cpu_ms"] == []


def test_a_ratio_of_another_measure_replaces_that_of_times() -> None:
    fake = Fake([1.0], 1.0, more={"ratio": 1.7, "equal": True})
    row = measure_contest(fake, 1, fake.clocks()).as_dict()
    assert (row["ratio"], row["equal"]) == (1.7, True)


def test_a_contest_that_fails_is_closed() -> None:
    fake = Fake([], 1.0)
    with pytest.raises(ZeroDivisionError):
        measure_contest(fake, 1, fake.clocks())
    assert fake.closed == 1


def test_repeats_below_one() -> None:
    with pytest.raises(ConfigError, match="at least 1"):
        measure_contest(Fake([1.0], 1.0), 0)
