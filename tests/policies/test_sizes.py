"""Padded sizes: only those that give the same bits are used, so nothing depends on the batch."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from aegis.core.protocols import PolicySpec, Query
from aegis.core.types import F32
from policies.adapter import BatchAdapter, Inference
from policies.batch_sizes import list_candidates, measure_steady_sizes
from tests.policies.nano_vla_fixtures import make_query

QUERIES = [make_query(i, k=i) for i in range(20)]
SIZES = (1, 2, 3, 4, 6, 8, 12, 16)
odd_sizes = st.sets(st.sampled_from((1, 2, 3, 4, 6, 12, 16)))


class Rounder(BatchAdapter):
    """Adds an error to every row of some sizes, and to the last row where `by_place` is."""

    def __init__(self, batch: int, odd: set[int], by_place: bool = False) -> None:
        spec = PolicySpec("rounder", "v1", {}, 4, 2, {"mood": 1})
        super().__init__(spec, batch, proprio=8, action=7)
        self._odd, self._by_place, self.asked = odd, by_place, list[int]()
        self.measure_sizes("here", 8)

    def infer(self, rows: Sequence[Query], noise: F32) -> Inference:
        self.asked.append(len(rows))
        error = np.full(len(rows), 2.0**-20 * len(rows) * (len(rows) in self._odd), np.float32)
        error[-1] += np.float32(self._by_place)
        mood = np.array([[row.obs.proprio[0]] for row in rows], np.float32)
        return Inference(noise[:, 0] + error[:, None, None], {"mood": mood})


@given(limit=st.integers(1, 200))
def test_candidates_ascend_to_the_limit_in_steps_of_at_most_a_half(limit: int) -> None:
    sizes = list_candidates(limit)
    assert sizes[0] == 1
    assert sizes[-1] == limit
    assert all(a < b <= max(a + 1, 1.5 * a) for a, b in pairwise(sizes))
    assert len(sizes) <= 2 * limit.bit_length()


@given(odd=odd_sizes, limit=st.sampled_from(SIZES))
def test_exactly_the_sizes_that_agree_are_found(odd: set[int], limit: int) -> None:
    def infer(numbers: Sequence[int]) -> list[bytes]:
        return [bytes([number, len(numbers) in odd]) for number in numbers]

    want = tuple(size for size in SIZES if size <= limit and size not in odd)
    assert measure_steady_sizes(infer, limit, reference=8) == want


@given(place=st.integers(0, 7))
def test_a_reference_whose_rows_depend_on_their_place_is_refused(place: int) -> None:
    def infer(numbers: Sequence[int]) -> list[bytes]:
        return [bytes([n, i == place]) for i, n in enumerate(numbers)]

    assert measure_steady_sizes(infer, 16, reference=8) == ()
    assert measure_steady_sizes(infer, 1, reference=1) == (1,)


@given(
    odd=odd_sizes,
    batch=st.sampled_from((8, 16)),
    order=st.permutations(range(20)),
    count=st.integers(1, 20),
)
def test_a_row_depends_on_nothing_but_itself(
    odd: set[int], batch: int, order: list[int], count: int
) -> None:
    policy = Rounder(batch, odd)
    assert policy.spec.batch_invariant
    assert policy.spec.rounding == "here, batch 8"
    policy.asked.clear()
    asked = [QUERIES[number] for number in order[:count]]
    together = policy.propose(asked)
    assert set(policy.asked) <= set(policy.sizes)
    for question, proposal in zip(asked, together, strict=True):
        (alone,) = policy.propose([question])
        assert alone.actions.tobytes() == proposal.actions.tobytes()
        assert alone.features["mood"][0] == question.obs.proprio[0]


def test_the_smallest_size_that_holds_the_rows_is_used() -> None:
    policy = Rounder(8, odd={2, 3, 6})
    policy.asked.clear()
    for count in (1, 2, 3, 4, 5, 9):
        policy.propose(QUERIES[:count])
    assert policy.asked == [1, 4, 4, 4, 8, 8, 1]


def test_a_policy_that_rounds_by_place_says_so() -> None:
    policy = Rounder(8, odd=set(), by_place=True)
    assert not policy.spec.batch_invariant
    assert policy.sizes == (8,)
    assert policy.spec.rounding == "here, batch 8"
    assert Rounder(16, odd=set(SIZES) - {8}).sizes == (8,)
