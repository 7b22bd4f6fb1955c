"""The batched seam with a user's policy on it, and the replay policy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from aegis.core.errors import NonFiniteError, ShapeError, TraceError
from aegis.core.protocols import Policy, PolicySpec, Query
from aegis.core.types import F32, Observation
from aegis.export.actions import write_actions
from policies.adapter import BatchAdapter, Inference
from policies.replay import ReplayPolicy, load_trace
from tests.policies.nano_vla_fixtures import make_query


class Mine(BatchAdapter):
    def __init__(self, width: int = 3, samples: int = 0) -> None:
        spec = PolicySpec("mine", "v1", {"wrist": (32, 32)}, 4, 2, {"last": 3})
        super().__init__(spec, batch=4, proprio=8, action=7, samples=samples)
        self.width = width

    def infer(self, rows: Sequence[Query], noise: F32) -> Inference:
        hidden = np.stack([row.obs.proprio[: self.width] for row in rows])
        return Inference(noise[:, 0], {"last": hidden}, noise[:, 1:])


def test_a_policy_of_ones_own_is_a_policy() -> None:
    policy = Mine(samples=2)
    assert isinstance(policy, Policy)
    proposals = policy.propose([make_query(i, k=i) for i in range(6)])
    assert [p.k0 for p in proposals] == list(range(6))
    assert np.array_equal(proposals[5].features["last"], make_query(5).obs.proprio[:3])
    assert proposals[0].samples is not None
    assert proposals[0].samples.shape == (2, 4, 7)
    policy.close()


def test_what_a_policy_infers_is_checked() -> None:
    with pytest.raises(ShapeError, match=r"mine must infer .*'last': \(4, 3\)"):
        Mine(width=2).propose([make_query(0)])


class Padded(BatchAdapter):
    """Its network draws wider noise than it acts on, and looks one tick back."""

    def __init__(self, example: Observation | None = None) -> None:
        spec = PolicySpec("padded", "v1", {"wrist": (32, 32)}, 4, 2, {}, history=(1, 0))
        super().__init__(
            spec, batch=4, proprio=8, action=7, samples=2, noise_shape=(5, 32), example=example
        )
        self.seen: list[Query] = []

    def infer(self, rows: Sequence[Query], noise: F32) -> Inference:
        self.seen += rows
        assert noise.shape == (len(rows), 3, 5, 32)
        features = {"last": np.ones((len(rows), 11), np.float32)}
        return Inference(noise[:, 0, :4, :7], features, noise[:, 1:, :4, :7])


def test_noise_may_have_a_shape_of_its_own() -> None:
    policy = Padded()
    policy.measure_taps()
    assert policy.spec.taps == {"last": 11}
    query = replace(make_query(2), past=(make_query(1).obs,))
    alone, beside = policy.propose([query])[0], policy.propose([query, query])[1]
    assert np.array_equal(alone.actions, beside.actions)
    # The address, not the shape, decides: a policy of the common shape draws the same first rows.
    plain = Mine().draw_noise(query)
    assert np.array_equal(policy.draw_noise(query)[0].ravel()[:28], plain[0].ravel())


def test_sizes_are_measured_on_a_recorded_example() -> None:
    obs = make_query(3).obs
    policy = Padded(obs)
    policy.measure_taps()
    policy.measure_sizes("test", 4)
    assert {query.obs.instruction for query in policy.seen} == {obs.instruction}
    assert all(len(query.past) == 1 for query in policy.seen)
    moved = np.stack([query.obs.proprio - obs.proprio for query in policy.seen])
    assert np.all(np.abs(moved) <= 0.06 * np.abs(obs.proprio))
    with pytest.raises(ShapeError, match="picture 'wrist'"):
        Padded(replace(obs, images={}))


def test_a_policy_that_looks_back_needs_its_past() -> None:
    policy = Padded()
    policy.measure_taps()
    with pytest.raises(ShapeError, match=r"looks at 1 earlier observations .* Got: 0"):
        policy.propose([make_query(0)])
    with pytest.raises(ShapeError, match="picture 'wrist'"):
        policy.propose([replace(make_query(0), past=(replace(make_query(0).obs, images={}),))])


def test_replay_repeats_what_was_done(tmp_path: Path) -> None:
    path = tmp_path / "trace.npz"
    done = np.arange(84, dtype=np.float32).reshape(12, 7)
    write_actions(path, {make_query(1).key: done})
    policy = ReplayPolicy("replay", str(path), horizon=4, execute=4)
    assert isinstance(policy, Policy)
    first, last = policy.propose([make_query(1, k=4), make_query(1, k=10)])
    assert np.array_equal(first.actions, done[4:8])
    assert np.array_equal(last.actions, done[[10, 11, 11, 11]])
    policy.close()
    with pytest.raises(TraceError, match=r"libero_spatial/2/wide/2@7 is not in"):
        policy.propose([make_query(2)])


def test_bad_traces_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "trace.npz"
    with pytest.raises(TraceError, match="not a recorded trace"):
        load_trace(path)
    path.write_bytes(b"PK\x03\x04")
    with pytest.raises(TraceError, match="not a recorded trace"):
        load_trace(path)
    write_actions(path, {})
    with pytest.raises(TraceError, match="no episodes"):
        load_trace(path)
    write_actions(path, {make_query(1).key: np.zeros(3, np.float32)})
    with pytest.raises(ShapeError, match=r"must be of shape \(t, a\)"):
        load_trace(path)
    write_actions(path, {make_query(1).key: np.full((2, 7), np.inf, np.float32)})
    with pytest.raises(NonFiniteError, match="NaN or infinity"):
        load_trace(path)
