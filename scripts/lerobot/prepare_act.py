"""An untrained ACT for `lerobot-train --policy.path`; its picture encoder is fitted to a dataset.

LeRobot's ACT keeps every batch normalisation of its ResNet frozen, as it expects weights that were
trained on ImageNet. Without such weights the frozen ones change nothing, and the variance grows
from block to block. This script draws random weights and sets each frozen normalisation to what
it sees in the dataset, so that every layer starts with mean 0 and variance 1 (Mishkin and Matas,
"All you need is a good init", 2016, here for frozen statistics).

    python scripts/lerobot/prepare_act.py exports/demos/lerobot runs/act-start
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from lerobot.configs.types import FeatureType
from lerobot.datasets.lerobot_dataset import LeRobotDataset
from lerobot.policies.act.configuration_act import ACTConfig
from lerobot.policies.act.modeling_act import ACTPolicy
from lerobot.policies.factory import make_pre_post_processors
from lerobot.utils.constants import ACTION
from lerobot.utils.feature_utils import dataset_to_policy_features
from torchvision.ops.misc import FrozenBatchNorm2d

FRAMES = 256  # a channel has at least 4 places in a picture: its variance is known within 5 %
BRANCH = 0.5  # weight of a block's last normalisation: a sum grows by a quarter, not to the double


def main() -> None:
    """Reads a dataset, and saves an untrained ACT and its processors as LeRobot saves them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dataset", type=Path, help="folder of a LeRobot dataset")
    parser.add_argument("out", type=Path, help="folder that the checkpoint goes to")
    parser.add_argument("--seed", type=int, default=1, help="of the random weights")
    given = parser.parse_args()
    torch.manual_seed(given.seed)
    dataset = LeRobotDataset("local/demos", root=given.dataset, video_backend="pyav")
    policy = build_act(dataset)
    before, after = make_pre_post_processors(policy.config, dataset_stats=dataset.meta.stats)
    pictures = before(sample_frames(dataset))
    set_frozen_statistics(policy, [pictures[key] for key in policy.config.image_features])
    for part in (policy, before, after):
        part.save_pretrained(given.out)


def build_act(dataset: LeRobotDataset) -> ACTPolicy:
    """Returns ACT of 15 million parameters for the cameras, state and actions of the dataset."""
    features = {
        key: feature
        for key, feature in dataset_to_policy_features(dataset.meta.features).items()
        if feature.type in (FeatureType.VISUAL, FeatureType.STATE) or key == ACTION
    }
    return ACTPolicy(
        ACTConfig(
            device="cpu",
            push_to_hub=False,
            pretrained_backbone_weights=None,
            use_vae=False,
            chunk_size=16,
            n_action_steps=8,
            dim_model=256,
            n_heads=4,
            dim_feedforward=1024,
            n_encoder_layers=3,
            input_features={key: feature for key, feature in features.items() if key != ACTION},
            output_features={ACTION: features[ACTION]},
        )
    )


def sample_frames(dataset: LeRobotDataset) -> dict[str, torch.Tensor]:
    """Returns FRAMES frames, evenly spread over the dataset, as one batch."""
    indices = torch.linspace(0, len(dataset) - 1, FRAMES).long().tolist()
    frames = [dataset[index] for index in indices]
    return {
        key: torch.stack([frame[key] for frame in frames])
        for key in frames[0]
        if torch.is_tensor(frames[0][key])
    }


def set_frozen_statistics(policy: ACTPolicy, pictures: list[torch.Tensor]) -> None:
    """Sets each frozen normalisation to the statistics of its input, in one pass over pictures."""

    def measure(layer: FrozenBatchNorm2d, args: tuple[torch.Tensor]) -> None:
        layer.running_mean.copy_(args[0].mean(dim=(0, 2, 3)))
        layer.running_var.copy_(args[0].var(dim=(0, 2, 3)))

    backbone = policy.model.backbone
    for name, layer in backbone.named_modules():
        if isinstance(layer, FrozenBatchNorm2d):
            layer.register_forward_pre_hook(measure)
            if name.endswith(".bn2"):
                layer.weight.fill_(BRANCH)
    with torch.no_grad():
        backbone(torch.cat(pictures))
    for layer in backbone.modules():
        layer._forward_pre_hooks.clear()


if __name__ == "__main__":
    main()
