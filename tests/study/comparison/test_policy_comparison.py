"""Policy comparison: both sides are treated alike, and its numbers are those of the statistics."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from aegis.core.errors import ShapeError
from aegis.records.fork_rows import unit_key_of
from aegis.stats.paired_intervals import tango_interval
from aegis.stats.paired_outcome import PairedOutcome
from aegis.stats.power import mcnemar_power
from aegis.study.comparison.cost import PolicyCost
from aegis.study.comparison.policy_comparison import (
    SIDES,
    PolicyComparison,
    compare_policies,
    compute_two_sided_p,
)
from aegis.study.comparison.report_values import list_comparison_values
from aegis.study.comparison.required_units import require_units
from aegis.study.outcomes import Outcomes
from tests.study.rows import TASKS, rows

COST = PolicyCost(10, 5.0, 8, 2.0, 0.1, float("nan"))
few = settings(max_examples=6)
pairs = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40)
cells = st.builds(PairedOutcome, *[st.integers(0, 30)] * 4).filter(lambda found: found.units > 0)


def compare(
    a: str, b: str, ticks: list[int | None] | None = None, order: list[int] | None = None
) -> PolicyComparison:
    episodes = [*rows("a", a), *rows("b", b)]
    units = [unit_key_of(one) for one in episodes[: len(a)]]
    partings = dict(zip(units, ticks or [1] * len(a), strict=True))
    if order is not None:
        episodes = [episodes[i % len(a) + (i >= len(a)) * len(a)] for i in order]
    outcomes = Outcomes.from_rows(episodes, SIDES, range(TASKS))
    return compare_policies(
        outcomes, partings, ("one", "other"), ("x", "y"), (COST, COST),
        target=0.05, alpha=0.05, goal=0.8,
    )  # fmt: skip


def write(flags: list[bool]) -> str:
    return "".join("1" if flag else "0" for flag in flags)


def test_numbers_by_hand() -> None:
    found = compare("1110", "1001", [3, None, 5, 3])
    assert (found.n, found.both, found.neither, found.only_a, found.only_b) == (4, 1, 0, 2, 1)
    assert (found.a.success.count, found.b.success.count) == (3, 2)
    assert found.difference.value == 0.25
    assert found.p == 1.0
    assert (found.parting.never, found.parting.median) == (1, 3)
    # Units go over the two tasks in turn: 0 and 2, 1 and 3.
    assert [(t.task, t.only_a, t.only_b, t.parting.never) for t in found.tasks] == [
        (0, 1, 0, 0),
        (1, 1, 1, 1),
    ]


def test_equal_policies_differ_in_nothing() -> None:
    found = compare("1010", "1010", [None] * 4)
    assert (found.difference.value, found.p, found.parting.parted) == (0.0, 1.0, 0)
    assert found.difference.ci.low == pytest.approx(-found.difference.ci.high)


@few
@given(pairs)
def test_swapping_sides_changes_signs_only(outcomes: list[tuple[bool, bool]]) -> None:
    a, b = (write([pair[side] for pair in outcomes]) for side in (0, 1))
    one, other = compare(a, b), compare(b, a)
    assert (one.only_a, one.only_b) == (other.only_b, other.only_a)
    assert (one.both, one.neither, one.p, one.required) == (
        other.both, other.neither, other.p, other.required,
    )  # fmt: skip
    assert one.difference.value == -other.difference.value
    assert one.difference.ci.low == pytest.approx(-other.difference.ci.high, abs=1e-9)
    assert one.difference.ci.high == pytest.approx(-other.difference.ci.low, abs=1e-9)


@few
@given(pairs, st.data())
def test_the_order_of_rows_changes_nothing(
    outcomes: list[tuple[bool, bool]], data: st.DataObject
) -> None:
    a, b = (write([pair[side] for pair in outcomes]) for side in (0, 1))
    order = data.draw(st.permutations(range(2 * len(a))))
    assert list_comparison_values(compare(a, b)) == list_comparison_values(
        compare(a, b, order=list(order))
    )


@few
@given(pairs)
def test_cells_add_up_and_interval_is_tangos(outcomes: list[tuple[bool, bool]]) -> None:
    a, b = (write([pair[side] for pair in outcomes]) for side in (0, 1))
    found = compare(a, b)
    assert found.both + found.neither + found.only_a + found.only_b == found.n == len(outcomes)
    assert sum(task.n for task in found.tasks) == found.n
    assert found.difference.value == pytest.approx(
        found.a.success.value - found.b.success.value, abs=1e-12
    )
    four = PairedOutcome(found.only_a, found.only_b, found.both, found.neither)
    assert found.difference.ci == tango_interval(four)


@given(st.integers(0, 40), st.integers(0, 40))
def test_p_is_that_of_the_exact_binomial_test(b: int, c: int) -> None:
    expected = binomtest(b, b + c, 0.5).pvalue if b + c else 1.0
    assert compute_two_sided_p(PairedOutcome(b, c, 3, 4)) == pytest.approx(expected, rel=1e-9)


@few
@given(cells, st.floats(0.05, 0.9))
def test_required_units_have_the_power_that_was_asked_for(
    found: PairedOutcome, target: float
) -> None:
    required = require_units(found, target, 0.05, 0.8)
    share = (found.recovered + found.disrupted) / found.units
    assert required.discordant == max(target, share)
    assert required.units is not None
    assert required.more == max(0, required.units - found.units)
    better = (required.discordant + target) / 2
    worse = required.discordant - better
    assert mcnemar_power(better, max(worse, 0.0), required.units, 0.025) >= 0.8
    assert 0 <= required.power <= 1


def test_a_smaller_difference_needs_more_units() -> None:
    found = PairedOutcome(10, 10, 20, 10)
    needed = [require_units(found, target, 0.05, 0.8).units for target in (0.2, 0.1, 0.05)]
    assert needed == sorted(needed, key=lambda n: n or 0)
    assert len(set(needed)) == 3
    assert require_units(found, 0.005, 0.05, 0.8).units is None, "more than 20,000"


@pytest.mark.parametrize("target", [0.0, -0.1, 1.1])
def test_a_target_out_of_range_is_refused(target: float) -> None:
    with pytest.raises(ShapeError, match="target in"):
        require_units(PairedOutcome(1, 1, 1, 1), target, 0.05, 0.8)


def test_report_values_are_plain_and_have_intervals() -> None:
    values = list_comparison_values(compare("10", "01"))
    assert values["kind"] == "compare"
    assert len(np.ravel(values["difference_ci"])) == 2  # type: ignore[call-overload]
    assert values["a"]["success_count"] == 1  # type: ignore[index]
    assert values["a"]["cost"]["bytes_per_chunk"] is None  # type: ignore[index]
