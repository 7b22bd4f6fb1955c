"""Stages of the Nano-VLA: both engines name and order them alike, and they lead to the chunk."""

from __future__ import annotations

import numpy as np
import pytest

from aegis.checks import check_policy
from aegis.core.capabilities import StagedPolicy
from aegis.core.errors import ShapeError
from aegis.core.protocols import Query
from tests.policies.test_nano_vla_portable import build_policy

NAMES = ["text", "vision", "trunk", *(f"flow {i}" for i in range(1, 7))]
TAPS = ("text", "trunk.condition")


@pytest.mark.parametrize("name", ["weak", "strong"])
def test_both_engines_show_the_same_stages(name: str) -> None:
    ours, torchs = (build_policy(name, portable=portable) for portable in (True, False))
    assert isinstance(ours, StagedPolicy)
    queries = [ours.make_example(i) for i in range(3)]
    stages, others = ours.trace_stages(queries), torchs.trace_stages(queries)
    assert list(stages) == list(others) == NAMES
    for stage, out in stages.items():
        assert out.shape == others[stage].shape
        assert len(out) == 3
        np.testing.assert_allclose(out, others[stage], atol=1e-5 * np.abs(out).max())


@pytest.mark.parametrize("portable", [True, False])
def test_stages_are_those_of_the_proposal(portable: bool) -> None:
    policy = build_policy("weak", portable=portable, taps=TAPS, samples=2, temperature=0.5)
    queries = [policy.make_example(i) for i in range(5)]
    before = policy.propose(queries)
    stages = policy.trace_stages(queries)
    after = policy.propose(queries)
    for i, (one, other) in enumerate(zip(before, after, strict=True)):
        assert one.actions.tobytes() == other.actions.tobytes()
        assert stages["text"][i].tobytes() == one.features["text"].tobytes()
        assert stages["trunk"][i].tobytes() == one.features["trunk.condition"].tobytes()
        # The last step is the prediction itself; what is left is scaling, and the limits.
        clean = stages["flow 6"][i].reshape(10, 7)
        inside = np.abs(one.actions[:, :6]) < 1
        assert inside.any()
        for j in range(6):
            rows = inside[:, j]
            if rows.sum() > 2:
                slope = np.polyfit(clean[rows, j], one.actions[rows, j], 1)
                fitted = np.polyval(slope, clean[rows, j])
                np.testing.assert_allclose(fitted, one.actions[rows, j], atol=1e-4)


def test_the_check_of_policies_asks_for_them() -> None:
    class Shifts(type(build_policy())):  # type: ignore[misc]
        calls = 0

        def trace_stages(self, queries: list[Query]) -> dict[str, np.ndarray]:
            self.calls += 1
            return {"a": np.full((len(queries), 1), self.calls, np.float32)}

    policy = build_policy()
    queries = [policy.make_example(i) for i in range(2)]
    check_policy(policy, queries)
    policy.__class__ = Shifts
    with pytest.raises(Exception, match="other bits when asked again"):
        check_policy(policy, queries)


def test_an_observation_that_does_not_fit_is_refused() -> None:
    policy = build_policy()
    query = policy.make_example(0)
    with pytest.raises(ShapeError, match="proprio"):
        policy.trace_stages(
            [Query(query.key, 0, type(query.obs)(0, np.zeros(3, np.float32), query.obs.images, ""))]
        )
