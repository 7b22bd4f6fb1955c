"""The Nano-VLA as a policy: companions, noise, taps and bad input."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from aegis.core.errors import (
    ConfigError,
    MachineError,
    NonFiniteError,
    ShapeError,
    UnknownNameError,
)
from aegis.core.protocols import Policy, Query
from aegis.core.types import Observation, Proposal
from policies.nano_vla.config import SIZES
from policies.nano_vla.policy import NanoVLA
from policies.nano_vla.taps import pool_cells, pool_keypoints
from policies.nano_vla.training.paraphrase import HELD_OUT_GRAMMAR
from tests.policies.nano_vla_fixtures import make_observation, make_query, save_tiny

TAPS = (
    "text", "agentview.map", "wrist.keys", "trunk.0", "trunk.last", "trunk.condition", "head.0",
    "head.hidden",
)  # fmt: skip


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_tiny(tmp_path_factory.mktemp("nano") / "tiny.safetensors")


def compare_proposals(a: Proposal, b: Proposal) -> bool:
    features = all(np.array_equal(a.features[name], b.features[name]) for name in a.features)
    return np.array_equal(a.actions, b.actions) and features and a.k0 == b.k0


def test_it_is_a_policy(checkpoint: str) -> None:
    policy = NanoVLA("weak", checkpoint)
    assert isinstance(policy, Policy)
    (proposal,) = policy.propose([make_query(1, k=5)])
    assert proposal.policy == "weak"
    assert proposal.k0 == 5
    assert proposal.actions.shape == (10, 7)
    assert proposal.actions.dtype == np.float32
    assert np.abs(proposal.actions).max() <= 1
    assert set(np.unique(proposal.actions[:, 6])) <= {-1.0, 1.0}
    assert policy.propose([]) == []


@pytest.mark.parametrize("size", ["tiny", "weak", "strong"])
def test_a_row_does_not_depend_on_its_companions(size: str, tmp_path: Path) -> None:
    config = {} if size == "tiny" else {"config": SIZES[size]}
    side = 32 if size == "tiny" else 64
    policy = NanoVLA("p", save_tiny(tmp_path / "m.safetensors", **config), batch=8, taps=TAPS)
    queries = [make_query(i, k=5 * i, side=side) for i in range(19)]
    alone = [policy.propose([q])[0] for q in queries]
    rng = np.random.default_rng(0)
    for _ in range(4):
        order = rng.permutation(len(queries))[: int(rng.integers(1, len(queries) + 1))]
        together = policy.propose([queries[i] for i in order])
        for i, proposal in zip(order, together, strict=True):
            assert compare_proposals(proposal, alone[i])


def test_noise_is_addressed_by_episode_tick_and_salt(checkpoint: str) -> None:
    weak, other = NanoVLA("weak", checkpoint), NanoVLA("strong", checkpoint)
    base = make_query(3, k=10)
    assert np.array_equal(weak.draw_noise(base), other.draw_noise(base))
    far = dataclasses.replace(base.key, index=4)
    for changed in ({"k": 11}, {"salt": 1}, {"key": far}):
        moved = dataclasses.replace(base, **changed)  # type: ignore[arg-type]
        assert not np.array_equal(weak.draw_noise(base), weak.draw_noise(moved))
    fresh = dataclasses.replace(base, salt=1)
    first, second = weak.propose([base, fresh])
    assert not np.array_equal(first.actions, second.actions)


def test_samples_do_not_change_the_actions(checkpoint: str) -> None:
    plain = NanoVLA("p", checkpoint).propose([make_query(2)])[0]
    drawn = NanoVLA("p", checkpoint, samples=4).propose([make_query(2), make_query(5)])[0]
    assert np.array_equal(plain.actions, drawn.actions)
    assert plain.samples is None
    assert drawn.samples is not None
    assert drawn.samples.shape == (4, 10, 7)
    assert not np.array_equal(drawn.samples[0], drawn.samples[1])


def test_taps_have_the_declared_widths(checkpoint: str) -> None:
    policy = NanoVLA("p", checkpoint, taps=TAPS)
    (proposal,) = policy.propose([make_query(1)])
    widths = {name: len(values) for name, values in proposal.features.items()}
    assert widths == dict(policy.spec.taps)
    assert widths == dict(zip(TAPS, (16, 256, 32, 16, 16, 32, 32, 32), strict=True))
    assert not np.array_equal(proposal.features["trunk.0"], proposal.features["trunk.last"])


def test_keypoints_say_where_they_look_and_how_sure_they_are() -> None:
    maps = torch.full((1, 2, 8, 8), -50.0)
    maps[0, 0, 1, 6] = 50.0  # Row 1, column 6: sure.
    maps[0, 1] = 0.0  # Everywhere alike: unsure.
    x, y, peak, entropy = pool_keypoints(maps).view(4, 2).tolist()
    assert x == pytest.approx([-1 + 6 * 2 / 7, 0.0], abs=1e-6)
    assert y == pytest.approx([-1 + 1 * 2 / 7, 0.0], abs=1e-6)
    assert peak == pytest.approx([1.0, 1 / 64])
    assert entropy == pytest.approx([0.0, np.log(64)], abs=1e-5)


def test_maps_keep_their_place_and_nothing_below_zero() -> None:
    maps = torch.full((1, 1, 8, 8), -1.0)
    maps[0, 0, 2:4, 4:6] = 3.0
    assert pool_cells(maps).tolist() == [[3.0 if i == 6 else 0.0 for i in range(16)]]
    assert maps.min() == -1  # What the network goes on with is left alone.


def test_tapping_does_not_change_the_actions(checkpoint: str) -> None:
    without = NanoVLA("p", checkpoint, taps=()).propose([make_query(1)])[0]
    tapped = NanoVLA("p", checkpoint, taps=TAPS).propose([make_query(1)])[0]
    assert np.array_equal(without.actions, tapped.actions)


def test_temperature_scales_the_noise(checkpoint: str) -> None:
    cold, warm = NanoVLA("p", checkpoint, temperature=0.0), NanoVLA("p", checkpoint)
    same = [
        cold.propose([dataclasses.replace(make_query(1), salt=salt)])[0].actions for salt in (0, 1)
    ]
    other = [
        warm.propose([dataclasses.replace(make_query(1), salt=salt)])[0].actions for salt in (0, 1)
    ]
    assert np.array_equal(*same)
    assert not np.array_equal(*other)
    assert cold.spec.digest != warm.spec.digest
    assert cold.spec.rounding == warm.spec.rounding
    with pytest.raises(ConfigError, match=r"'p.temperature' must be in \[0, 1\]. Got: 1.5"):
        NanoVLA("p", checkpoint, temperature=1.5)


def test_held_out_words_are_drawn_once_per_episode(checkpoint: str) -> None:
    policy = NanoVLA("p", checkpoint, paraphrase="held_out")
    said = {policy.read_instruction(make_query(1, k=k)) for k in range(5)}
    assert len(said) == 1
    assert said <= set(HELD_OUT_GRAMMAR.list_sentences("on the stove"))
    assert policy.spec.digest != NanoVLA("p", checkpoint).spec.digest


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"taps": ("trunk.lst",)}, UnknownNameError, "Did you mean 'trunk.last'"),
        ({"paraphrase": "heldout"}, UnknownNameError, "Did you mean 'held_out'"),
        ({"device": "tpu"}, MachineError, "Use device=cpu"),
        ({"batch": 0}, ConfigError, "batch must be at least 1"),
    ],
)
def test_bad_settings(
    checkpoint: str, settings: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        NanoVLA("p", checkpoint, **settings)  # type: ignore[arg-type]


def _with(obs: Observation, **changes: object) -> Observation:
    return dataclasses.replace(obs, **changes)  # type: ignore[arg-type]


BAD: dict[str, tuple[Callable[[Observation], Observation], type[Exception], str]] = {
    "no wrist": (
        lambda o: _with(o, images={"agentview": o.images["agentview"]}),
        ShapeError,
        "needs a picture 'wrist'. Got: agentview",
    ),
    "size": (
        lambda o: make_observation(0, side=48),
        ShapeError,
        r"must be uint8 of shape \(32, 32, 3",
    ),
    "type": (
        lambda o: _with(o, images={n: p.astype(np.float32) for n, p in o.images.items()}),
        ShapeError,
        "Got: float32",
    ),
    "proprio": (lambda o: _with(o, proprio=np.zeros(7, np.float32)), ShapeError, r"\(8,\)"),
    "nan": (
        lambda o: _with(o, proprio=np.full(8, np.nan, np.float32)),
        NonFiniteError,
        "must be finite",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_observations(checkpoint: str, case: str) -> None:
    change, error, message = BAD[case]
    good = make_query(0)
    with pytest.raises(error, match=message):
        NanoVLA("p", checkpoint).propose([Query(good.key, 0, change(good.obs))])
