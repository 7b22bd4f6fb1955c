"""What our adapter proposes is what LeRobot's own loader and ``predict_action_chunk`` give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from aegis.core.protocols import Query
from tests.lerobot.conftest import MakePolicy
from tests.lerobot.tiny import KINDS

pytestmark = pytest.mark.lerobot
ROWS = 8


def predict_with_lerobot(folder: Path, queries: Sequence[Query], noise: np.ndarray) -> np.ndarray:
    """Loads a checkpoint as LeRobot does, and asks it; pictures are mirrored by hand."""
    import lerobot.policies  # noqa: F401
    from lerobot.configs import PreTrainedConfig
    from lerobot.policies.factory import get_policy_class, make_pre_post_processors

    config = PreTrainedConfig.from_pretrained(folder)
    policy = get_policy_class(config.type).from_pretrained(folder, config=config)
    words = {"tokenizer_processor": {"tokenizer_name": str(folder / "vlm")}}
    before, after = make_pre_post_processors(
        config,
        pretrained_path=str(folder),
        preprocessor_overrides=words if (folder / "vlm").is_dir() else {},
    )
    ticks = [[*query.past, query.obs] for query in queries]
    several = config.type == "diffusion"

    def stack(values: list[list[np.ndarray]]) -> torch.Tensor:
        array = torch.from_numpy(np.array(values))
        return array if several else array[:, -1]

    batch: dict[str, Any] = {"task": [query.obs.instruction for query in queries]}
    for key, camera in (("image", "agentview"), ("image2", "wrist")):
        pictures = [
            [np.transpose(np.fliplr(obs.images[camera]), (2, 0, 1)).copy() for obs in row]
            for row in ticks
        ]
        batch[f"observation.images.{key}"] = stack(pictures).type(torch.float32) / 255
    batch["observation.state"] = stack([[obs.proprio for obs in row] for row in ticks])
    arguments = {} if config.type == "act" else {"noise": torch.from_numpy(noise)}
    prepared = before(batch)
    if several:  # Anything else in the batch is looked for in a queue.
        prepared = {key: value for key, value in prepared.items() if torch.is_tensor(value)}
    return after(policy.predict_action_chunk(prepared, **arguments)).numpy()


@pytest.mark.parametrize("kind", [*KINDS, "diffusion2"])
def test_equals_lerobot_bit_for_bit(
    kind: str, make_policy: MakePolicy, checkpoints: dict[str, Path]
) -> None:
    policy = make_policy(kind, batch=ROWS)
    queries = [policy.make_example(number) for number in range(ROWS)]
    if kind == "diffusion2":
        assert policy.spec.history == (1, 0)
        queries = [
            replace(query, past=(policy.make_example(100 + number).obs,))
            for number, query in enumerate(queries)
        ]
    noise = np.stack([policy.draw_noise(query)[0] for query in queries])
    theirs = predict_with_lerobot(checkpoints[kind], queries, noise)
    ours = np.stack([proposal.actions for proposal in policy.propose(queries)])
    assert ours.shape == (ROWS, policy.spec.horizon, 7)
    assert np.isfinite(ours).all()
    assert ours.tobytes() == theirs.tobytes()


def test_the_past_counts(make_policy: MakePolicy) -> None:
    policy = make_policy("diffusion2")
    query = policy.make_example(0)
    other = replace(query, past=(policy.make_example(1).obs,))
    same, moved = policy.propose([query, other])
    assert not np.array_equal(same.actions, moved.actions)
