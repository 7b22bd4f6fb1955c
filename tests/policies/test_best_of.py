"""Best of K: one of the draws, the one that the others agree with, whatever stands beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis.core.errors import ConfigError
from aegis.core.protocols import Query
from aegis.core.seeds import episode_stream
from aegis.core.types import Proposal
from policies.best_of import BestOfPolicy, find_medoid
from tests.fakes import ToyPolicy, ToyWorld, toy_key


class NoisyPolicy(ToyPolicy):
    """Adds noise by its address: episode, tick, salt."""

    def propose(self, queries: Sequence[Query]) -> list[Proposal]:
        return [
            replace(one, actions=one.actions + draw_noise(query, one.actions.shape))
            for query, one in zip(queries, super().propose(queries), strict=True)
        ]


def draw_noise(query: Query, shape: tuple[int, ...]) -> np.ndarray:
    rng = episode_stream(query.key, "noise", query.k, query.salt)
    return rng.normal(size=shape).astype(np.float32)


def make_queries(count: int) -> list[Query]:
    world = ToyWorld()
    queries = []
    for i in range(count):
        world.begin(toy_key(i))
        queries.append(Query(toy_key(i), 4, world.observe({})))
    return queries


def test_it_proposes_one_of_its_draws_and_does_not_depend_on_its_companions() -> None:
    policy = BestOfPolicy("best", NoisyPolicy("weak", weak=True), 5)
    queries = make_queries(4)
    together = policy.propose(queries)
    for query, found in zip(queries, together, strict=True):
        alone = policy.propose([query])[0]
        assert alone.actions.tobytes() == found.actions.tobytes()
        assert found.policy == "best"
        assert found.k0 == query.k
        other = policy.propose([replace(query, salt=1)])[0]
        assert other.actions.tobytes() != found.actions.tobytes(), "an arm's salt draws afresh"


@given(st.integers(3, 9), st.integers(0, 10_000))
def test_the_chosen_one_is_nearest_to_the_others(count: int, seed: int) -> None:
    chunks = np.random.default_rng(seed).normal(size=(count, 4, 3))
    sums = [sum(np.linalg.norm(one - other) for other in chunks) for one in chunks]
    assert sums[find_medoid(chunks)] == pytest.approx(min(sums))


def test_an_outlier_is_never_chosen() -> None:
    chunks = np.zeros((5, 4, 3))
    chunks[0] = 100.0
    assert find_medoid(chunks) == 1, "the first of equals"


def test_two_draws_are_no_vote() -> None:
    with pytest.raises(ConfigError, match=r"'best.draws' must be at least 3. Got: 2"):
        BestOfPolicy("best", ToyPolicy("weak", weak=True), 2)


def test_its_digest_covers_the_policy_and_the_number() -> None:
    policies = [ToyPolicy(name, weak=name == "weak") for name in ("weak", "strong")]
    specs = [BestOfPolicy("best", one, n).spec for one in policies for n in (3, 5)]
    assert len({spec.digest for spec in specs}) == 4
