"""A policy of LeRobot keeps the promises of the seam: rows, taps, samples, digest, clean stdout."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from aegis.checks import check_policy
from aegis.core.conventions import EEF_PROPRIO, UPRIGHT
from tests.lerobot.conftest import MakePolicy
from tests.lerobot.tiny import KINDS

pytestmark = pytest.mark.lerobot
TAPS = {
    "smolvla": ["prefix:last", "prefix.1:mean", "expert:mean", "expert.2:mean@steps"],
    "act": ["decoder:mean", "encoder.1:last"],
    "diffusion": ["unet.mid.1:mean", "unet.down.0:last@steps", "rgb.0:mean"],
    "pi0": ["prefix:mean", "expert:mean", "expert.1:last@steps"],
    "pi05": ["prefix.0:last", "expert:mean"],
}


@pytest.mark.parametrize("kind", KINDS)
def test_keeps_all_promises(kind: str, make_policy: MakePolicy) -> None:
    samples = 0 if kind == "act" else 3
    policy = make_policy(kind, taps=TAPS[kind], samples=samples, samples_per_pass=2, batch=4)
    assert policy.spec.batch_invariant
    assert list(policy.spec.taps) == TAPS[kind]
    assert policy.conventions.proprio == EEF_PROPRIO
    assert policy.conventions.pictures == UPRIGHT
    assert "float32" in policy.spec.rounding
    proposals = check_policy(policy, [policy.make_example(i) for i in range(3)], 7)
    for proposal in proposals:
        assert all(np.isfinite(values).all() for values in proposal.features.values())
        drawn = proposal.samples
        assert (drawn is None) == (samples == 0)
        assert drawn is None or drawn.shape == (3, policy.spec.horizon, 7)


@pytest.mark.parametrize("kind", KINDS)
def test_every_layer_fires(kind: str, make_policy: MakePolicy) -> None:
    layers = make_policy(kind, batch=1)._backend.layers
    stepwise = [name for name, layer in layers.items() if layer.per_step]
    names = [f"{name}:{pool}" for name in layers for pool in ("mean", "last")]
    policy = make_policy(kind, taps=[*names, *(f"{name}:mean@steps" for name in stepwise)], batch=1)
    query = policy.make_example(0)
    (proposal,) = policy.propose([query])
    assert all(np.isfinite(proposal.features[name]).all() for name in policy.spec.taps)
    assert bool(stepwise) == (kind != "act")
    for name in stepwise:
        steps = proposal.features[f"{name}:mean@steps"].reshape(3, -1)
        np.testing.assert_allclose(
            steps.mean(0), proposal.features[f"{name}:mean"], rtol=1e-4, atol=1e-5
        )
        assert not np.array_equal(steps[0], steps[2])


@pytest.mark.parametrize("kind", ["smolvla", "pi0", "pi05"])
def test_the_expert_is_what_actions_are_read_from(kind: str, make_policy: MakePolicy) -> None:
    policy = make_policy(kind, taps=["expert:mean@steps"], batch=1)
    seen: list[torch.Tensor] = []
    module = policy._loaded.network.model.action_out_proj
    module.register_forward_pre_hook(lambda _, given: seen.append(given[0].float().mean(1)))
    (proposal,) = policy.propose([policy.make_example(0)])
    want = torch.cat(seen, 1)[0].numpy()
    np.testing.assert_allclose(proposal.features["expert:mean@steps"], want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ["smolvla", "diffusion", "pi0", "pi05"])
def test_a_sample_is_the_chunk_that_its_noise_gives(kind: str, make_policy: MakePolicy) -> None:
    policy = make_policy(kind, samples=2, samples_per_pass=1, batch=4)
    rows = [policy.make_example(number) for number in range(4)]
    noise = np.stack([policy.draw_noise(row) for row in rows])
    drawn = policy.infer(rows, noise)
    for number in range(2):
        own = policy.infer(rows, noise[:, [1 + number, 0, 0]])
        assert own.actions.tobytes() == drawn.samples[:, number].tobytes()
    at_once = make_policy(kind, samples=2, samples_per_pass=8, batch=4).infer(rows, noise)
    assert at_once.actions.tobytes() == drawn.actions.tobytes()
    np.testing.assert_allclose(at_once.samples, drawn.samples, rtol=1e-3, atol=1e-4)


def test_taps_and_samples_move_no_action(make_policy: MakePolicy) -> None:
    plain = make_policy("smolvla", batch=4)
    watched = make_policy("smolvla", batch=4, taps=TAPS["smolvla"], samples=2)
    rows = [plain.make_example(number) for number in range(4)]
    pairs = zip(plain.propose(rows), watched.propose(rows), strict=True)
    assert all(one.actions.tobytes() == other.actions.tobytes() for one, other in pairs)


def test_the_digest_is_that_of_every_file_and_of_the_views(
    make_policy: MakePolicy, checkpoints: dict[str, Path], tmp_path: Path
) -> None:
    first = make_policy("act", batch=1).spec
    copy = shutil.copytree(checkpoints["act"], tmp_path / "copy")
    assert make_policy(copy, batch=1).spec.digest == first.digest
    statistics = next(copy.glob("policy_postprocessor*.safetensors"))
    content = bytearray(statistics.read_bytes())
    content[-1] ^= 1
    statistics.write_bytes(content)
    assert make_policy(copy, batch=1).spec.digest != first.digest
    upright = make_policy("act", batch=1, views={"image": {"mirror": False}}).spec
    assert upright.digest != first.digest
    assert upright.cameras == first.cameras


def test_mirroring_is_seen(make_policy: MakePolicy) -> None:
    mirrored = make_policy("act", batch=1)
    views: dict[str, Any] = {"image": {"mirror": False}, "image2": {"mirror": False}}
    upright = make_policy("act", batch=1, views=views)
    query = mirrored.make_example(0)
    flipped = {name: picture[:, ::-1] for name, picture in query.obs.images.items()}
    turned = type(query)(query.key, 0, type(query.obs)(0, query.obs.proprio, flipped, ""))
    (want,), (got,) = mirrored.propose([query]), upright.propose([turned])
    assert want.actions.tobytes() == got.actions.tobytes()
    assert want.actions.tobytes() != upright.propose([query])[0].actions.tobytes()


def test_a_full_batch_is_waited_for_where_it_is_told_to(make_policy: MakePolicy) -> None:
    assert make_policy("act", batch=2).spec.fill == 0
    assert make_policy("act", batch=2, fill=2).spec.fill == 2


def test_nothing_reaches_stdout(make_policy: MakePolicy, capfd: pytest.CaptureFixture[str]) -> None:
    policy = make_policy("smolvla", batch=1)
    policy.propose([policy.make_example(0)])
    assert capfd.readouterr().out == ""


def test_fewer_steps_and_another_sampler(make_policy: MakePolicy) -> None:
    policy = make_policy("diffusion", batch=1, steps=2, taps=["unet.mid.0:mean@steps"])
    three = make_policy("diffusion", batch=1, taps=["unet.mid.0:mean@steps"])
    (width,), (more,) = policy.spec.taps.values(), three.spec.taps.values()
    assert width * 3 == more * 2
    assert policy.spec.digest != three.spec.digest
