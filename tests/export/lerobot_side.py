"""LeRobot's side of a test: loads a dataset, reads chunks and pictures, trains ACT a little.

Run with the Python of LeRobot's environment; the answer is one line of JSON. It imports nothing
of ours, as a user's own script would not.
"""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import Any

import torch
from lerobot.datasets.lerobot_dataset import LeRobotDataset
from lerobot.policies.factory import get_policy_class, make_policy_config
from lerobot.policies.factory import make_pre_post_processors as make_processors
from lerobot.utils.feature_utils import dataset_to_policy_features

CHUNK = 4
STEPS = 5


def load(root: Path, **options: Any) -> LeRobotDataset:
    return LeRobotDataset("local/export", root=root, video_backend="pyav", **options)


def describe(root: Path) -> dict[str, Any]:
    """Returns what LeRobot reads."""
    dataset = load(root)
    deltas = {"action": [i / dataset.fps for i in range(CHUNK)]}
    chunks = load(root, delta_timestamps=deltas)
    cameras = dataset.meta.camera_keys
    items = [dataset[i] for i in range(len(dataset))]
    ends = [row["dataset_to_index"] - 1 for row in dataset.meta.episodes]
    return {
        "episodes": dataset.num_episodes,
        "frames": dataset.num_frames,
        "tasks": [item["task"] for item in items],
        "actions": torch.stack([item["action"] for item in items]).tolist(),
        "success": [bool(item["next.success"]) for item in items],
        "padded": [int(chunks[i]["action_is_pad"].sum()) for i in ends],
        "chunk": list(chunks[0]["action"].shape),
        "pictures": {key: list(items[0][key].shape) for key in cameras},
        "shades": {key: [float(item[key].mean()) for item in items] for key in cameras},
        "counts": {key: int(one["count"][0]) for key, one in dataset.meta.stats.items()},
    }


def train(root: Path, out: Path) -> list[float]:
    """Returns the losses of a few steps of ACT, and saves it as ``lerobot-train`` does."""
    torch.manual_seed(0)
    deltas = {"action": [i / load(root).fps for i in range(CHUNK)]}
    dataset = load(root, delta_timestamps=deltas)
    features = dataset_to_policy_features(dataset.meta.features)
    config = make_policy_config(
        "act",
        device="cpu",
        input_features={key: one for key, one in features.items() if key != "action"},
        output_features={"action": features["action"]},
        chunk_size=CHUNK,
        n_action_steps=CHUNK,
        push_to_hub=False,
        pretrained_backbone_weights=None,
        dim_model=32,
        n_heads=2,
        dim_feedforward=64,
        n_encoder_layers=1,
        n_vae_encoder_layers=1,
        latent_dim=4,
        dropout=0.0,
    )
    policy = get_policy_class("act")(config)
    prepare, finish = make_processors(config, dataset_stats=dataset.meta.stats)
    optimizer = torch.optim.AdamW(policy.parameters(), 1e-3)
    policy.train()
    batch = prepare(next(iter(torch.utils.data.DataLoader(dataset, batch_size=8))))
    losses = []
    for _ in range(STEPS):
        loss, _ = policy(dict(batch))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss))
    for part in (policy, prepare, finish):
        part.save_pretrained(out)
    return losses


if __name__ == "__main__":
    torch.set_num_threads(1)
    with contextlib.redirect_stdout(sys.stderr):  # LeRobot prints
        data, policy = map(Path, sys.argv[1:3])
        answer = describe(data) | {"losses": train(data, policy)}
    print(json.dumps(answer))
