"""Processors: what a checkpoint does to observations and actions on both sides of its network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aegis.core.errors import CheckpointError
from policies.lerobot.checkpoint import Checkpoint

STATE, ACTION = "observation.state", "action"


def load_processors(checkpoint: Checkpoint, config: Any, vlm: Path | None) -> tuple[Any, Any]:
    """Loads both processors of a checkpoint.

    Args:
        checkpoint: Where they lie.
        config: Settings of its policy.
        vlm: Folder of the tokenizer; None if nothing is read.

    Raises:
        CheckpointError: If statistics are missing.
    """
    from lerobot.policies.factory import make_pre_post_processors

    steps: dict[str, Any] = {"device_processor": {"device": config.device}}
    if vlm is not None:
        # Of one length: a row must not depend on how much its companions were told.
        steps["tokenizer_processor"] = {"tokenizer_name": str(vlm), "padding": "max_length"}
    before, after = make_pre_post_processors(
        config,
        pretrained_path=str(checkpoint.folder),
        preprocessor_overrides=steps,
        postprocessor_overrides={"device_processor": {"device": "cpu"}},
    )
    _check_statistics(checkpoint.folder, before, [STATE, *config.image_features])
    _check_statistics(checkpoint.folder, after, [ACTION])
    return before, after


def find_middle_state(processor: Any, config: Any) -> list[float]:
    """Returns the middle of the proprioception that a policy was trained on. Length p.

    Args:
        processor: What comes before the network.
        config: Settings of the policy.
    """
    (size,) = config.robot_state_feature.shape
    for step in _list_normalizers(processor):
        stats = step.stats.get(STATE, {})
        for low, high in (("mean", "mean"), ("q01", "q99"), ("min", "max")):
            if low in stats and high in stats:
                pairs = zip(stats[low], stats[high], strict=True)
                return [(float(least) + float(most)) / 2 for least, most in pairs]
    return [0.0] * int(size)


def _list_normalizers(processor: Any) -> list[Any]:
    return [step for step in processor.steps if hasattr(step, "norm_map")]


def _check_statistics(folder: Path, processor: Any, keys: Sequence[str]) -> None:
    """Refuses processors that lack numbers they normalise by: LeRobot passes such values on as is.

    Raises:
        CheckpointError: If statistics are missing.
    """
    for step in _list_normalizers(processor):
        for key, feature in step.features.items():
            mode = step.norm_map.get(feature.type)
            if (
                key in keys
                and mode is not None
                and mode.value != "IDENTITY"
                and key not in step.stats
            ):
                raise CheckpointError(
                    f"{folder} normalises '{key}' by {mode.value} and holds no statistics of it. "
                    "Save the processors after they were given those of the data set "
                    "(make_pre_post_processors(config, dataset_stats=...))."
                )
