"""Future state: the policy behind it is asked where its chunk will start, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from aegis.core.errors import ConfigError
from aegis.core.protocols import Query
from aegis.core.types import Proposal
from policies.future_state import FutureStatePolicy
from tests.fakes import ToyPolicy, ToyWorld, toy_embodiment, toy_key

SETTINGS = {"embodiment": toy_embodiment(), "entries": [0, 1, -1], "scales": [1.0, 1.0, 0.0]}


class Listener(ToyPolicy):
    """Keeps what it was asked."""

    heard: Sequence[Query] = ()

    def propose(self, queries: Sequence[Query]) -> list[Proposal]:
        self.heard = queries
        return super().propose(queries)


def make_query() -> Query:
    world = ToyWorld()
    world.begin(toy_key(3))
    return Query(toy_key(3), 4, world.observe({}))


def test_it_asks_at_the_state_to_come() -> None:
    inner = Listener("weak", weak=True)
    policy = FutureStatePolicy("late", inner, **SETTINGS)  # type: ignore[arg-type]
    query = make_query()
    ahead = replace(query, due=6, committed=np.array([[1, 0, 1], [1, -1, 1]], np.float32))
    plain, rolled = policy.propose([query, ahead])
    np.testing.assert_array_equal(inner.heard[0].obs.proprio, query.obs.proprio)
    moved = inner.heard[1].obs.proprio - query.obs.proprio
    np.testing.assert_allclose(moved[:2], [0.1, -0.05], rtol=1e-5)
    assert {plain.policy, rolled.policy} == {"late"}
    assert (plain.k0, rolled.k0) == (4, 4), "row 0 is for the tick of the question all the same"
    np.testing.assert_array_equal(rolled.actions[:2], ahead.committed)
    assert len(rolled.actions) == 2 + len(plain.actions), "a lead costs no rows"
    np.testing.assert_array_equal(plain.actions, inner.propose([query])[0].actions)


def test_its_digest_covers_the_policy_and_the_map() -> None:
    weak, strong = (ToyPolicy(name, weak=name == "weak") for name in ("weak", "strong"))
    other = {**SETTINGS, "scales": [2.0, 1.0, 0.0]}
    specs = [
        FutureStatePolicy("late", policy, **settings).spec  # type: ignore[arg-type]
        for policy, settings in ((weak, SETTINGS), (strong, SETTINGS), (weak, other))
    ]
    assert len({spec.digest for spec in specs}) == 3
    assert replace(specs[0], name="weak", digest=weak.spec.digest, from_due=False) == weak.spec


def test_a_map_of_another_robot_is_refused_at_once() -> None:
    with pytest.raises(ConfigError, match=r"'late.entries' needs .*\(x, y, grip\)"):
        FutureStatePolicy(
            "late", ToyPolicy("weak", weak=True), toy_embodiment(), entries=[0], scales=[1.0]
        )


def test_closing_it_closes_the_policy_behind_it() -> None:
    inner = ToyPolicy("weak", weak=True)
    FutureStatePolicy("late", inner, **SETTINGS).close()  # type: ignore[arg-type]
    assert inner.closed
