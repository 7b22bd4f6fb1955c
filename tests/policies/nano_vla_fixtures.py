"""Small Nano-VLA checkpoints, queries and demonstrations for the tests of this room."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from aegis.core.protocols import Query
from aegis.core.types import EpisodeKey, Observation
from policies.nano_vla.checkpoint import save_checkpoint
from policies.nano_vla.config import NanoConfig
from policies.nano_vla.model import NanoNet, initialise_weights
from policies.nano_vla.tokenizer import Tokenizer

TINY = NanoConfig(
    image=32, stem=(16, 16), keypoints=8, text=16, width=16, heads=2, blocks=2, hidden=32,
    layers=2, flow_steps=3,
)  # fmt: skip
STOVE = "pick up the black bowl on the stove and place it on the plate"
PLATE = "pick up the black bowl next to the plate and place it on the plate"


def save_tiny(path: Path, seed: int = 0, config: NanoConfig = TINY) -> str:
    tokenizer = Tokenizer.from_file()
    net = NanoNet(config, tokenizer.size)
    initialise_weights(net, seed)
    save_checkpoint(path, config, tokenizer, net.state_dict(), {"seed": seed})
    return str(path)


def make_observation(seed: int, side: int = 32, instruction: str = STOVE) -> Observation:
    rng = np.random.default_rng(seed)
    images = {
        name: rng.integers(0, 256, (side, side, 3), dtype=np.uint8)
        for name in ("agentview", "wrist")
    }
    proprio = rng.normal(size=8).astype(np.float32)
    return Observation(0, proprio, images, instruction)


def make_query(seed: int, k: int = 0, salt: int = 0, **kwargs: object) -> Query:
    key = EpisodeKey(7, "libero_spatial", seed % 10, "wide", seed)
    return Query(key, k, make_observation(seed, **kwargs), salt)  # type: ignore[arg-type]


def save_demos(folder: Path, episodes: int = 4, length: int = 9, side: int = 32) -> None:
    """Writes episodes of two tasks: a bright square shows where the arm goes."""
    folder.mkdir()
    for index in range(episodes):
        for task, instruction in enumerate((STOVE, PLATE)):
            rng = np.random.default_rng([index, task])
            tick = np.arange(0, length, 2)
            pictures = rng.integers(0, 40, (len(tick), side, side, 3), dtype=np.uint8)
            x, y = rng.integers(4, side - 4, 2)
            pictures[:, y - 2 : y + 3, x - 2 : x + 3] = 255
            actions = np.zeros((length, 7), np.float32)
            actions[:, :2] = np.array([x, y]) / side * 2 - 1
            actions[:, 6] = 1.0 if task else -1.0
            np.savez(
                folder / f"{task}_{index}.npz",
                agentview=pictures, wrist=pictures, tick=tick, actions=actions, executed=actions,
                proprio=rng.normal(size=(len(tick), 8)).astype(np.float32), task=task,
                index=index, success=index != 2, instruction=instruction,
            )  # fmt: skip
