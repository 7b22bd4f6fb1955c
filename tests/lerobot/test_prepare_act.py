"""The untrained ACT: every frozen normalisation fits the pictures that it was measured on."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.lerobot


def make_act() -> Any:
    from lerobot.configs.types import FeatureType, PolicyFeature
    from lerobot.policies.act.configuration_act import ACTConfig
    from lerobot.policies.act.modeling_act import ACTPolicy

    return ACTPolicy(
        ACTConfig(
            device="cpu",
            pretrained_backbone_weights=None,
            dim_model=16,
            n_heads=2,
            dim_feedforward=16,
            n_encoder_layers=1,
            use_vae=False,
            input_features={
                "observation.images.a": PolicyFeature(FeatureType.VISUAL, (3, 64, 64)),
                "observation.state": PolicyFeature(FeatureType.STATE, (3,)),
            },
            output_features={"action": PolicyFeature(FeatureType.ACTION, (2,))},
        )
    )


def test_frozen_normalisations_fit_the_pictures() -> None:
    import torch
    from torchvision.ops.misc import FrozenBatchNorm2d

    from scripts.lerobot.prepare_act import BRANCH, set_frozen_statistics

    torch.manual_seed(0)
    policy, pictures = make_act(), [torch.rand(6, 3, 64, 64) * 5 + 2 for _ in range(2)]
    set_frozen_statistics(policy, pictures)
    seen: dict[str, Any] = {}
    layers = {
        name: layer
        for name, layer in policy.model.backbone.named_modules()
        if isinstance(layer, FrozenBatchNorm2d)
    }
    for name, layer in layers.items():
        assert not layer._forward_pre_hooks
        layer.register_forward_hook(lambda _, __, out, name=name: seen.update({name: out.clone()}))
    with torch.no_grad():
        policy.model.backbone(torch.cat(pictures))
    assert len(seen) == 20
    for name, out in seen.items():
        torch.testing.assert_close(
            out.mean((0, 2, 3)), torch.zeros(out.shape[1]), atol=1e-3, rtol=0
        )
        wanted = BRANCH if name.endswith(".bn2") else 1.0
        spread = out.std((0, 2, 3))
        torch.testing.assert_close(spread, torch.full_like(spread, wanted), atol=1e-2, rtol=0)
