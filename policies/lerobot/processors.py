"""Processors: what a checkpoint does to observations and actions on both sides of its network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aegis.core.errors import CheckpointError
from policies.lerobot.checkpoint import POSTPROCESSOR, PREPROCESSOR, Checkpoint
from policies.lerobot.views import EMPTY_CAMERA, PREFIX

STATE, ACTION = "observation.state", "action"
_IDENTITY = "IDENTITY"
_STATISTICS: Mapping[str, Sequence[str]] = {
    "MEAN_STD": ("mean", "std"),
    "MIN_MAX": ("min", "max"),
    "QUANTILES": ("q01", "q99"),
    "QUANTILE10": ("q10", "q90"),
}
"""Way of normalising to the statistics that it computes with."""
_REMEDY = (
    "Save the processors after they were given statistics of the data set "
    "(make_pre_post_processors(config, dataset_stats=...))."
)


def load_processors(checkpoint: Checkpoint, config: Any, vlm: Path | None) -> tuple[Any, Any]:
    """Loads both processors of a checkpoint.

    Args:
        checkpoint: Where they lie.
        config: Settings of its policy.
        vlm: Folder of the tokenizer; None if nothing is read.

    Raises:
        CheckpointError: If a step or statistics are missing for what the policy reads or writes.
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
    seen = {key: one for key, one in config.input_features.items() if not _is_empty_camera(key)}
    check_statistics(checkpoint.folder / PREPROCESSOR, before, seen, config)
    check_statistics(checkpoint.folder / POSTPROCESSOR, after, config.output_features, config)
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


def check_statistics(path: Path, processor: Any, features: Mapping[str, Any], config: Any) -> None:
    """Refuses a processor that leaves something as it is that the policy wants normalised.

    LeRobot itself passes values on as they are where a step or its statistics are missing.

    Args:
        path: The processor's file, for messages.
        processor: The processor.
        features: What the policy reads, or writes, by key.
        config: Settings of the policy.

    Raises:
        CheckpointError: If a step or statistics of a feature are missing, or are no numbers.
    """
    for key, feature in features.items():
        wanted = _read_mode(config.normalization_mapping, feature)
        steps = [step for step in _list_normalizers(processor) if _normalizes(step, key)]
        if wanted != _IDENTITY and not steps:
            raise CheckpointError(
                f"{path} has no step that normalises '{key}', which config.json wants to be "
                f"normalised by {wanted}. {_REMEDY}"
            )
        for step in steps:
            _check_step(path, step, key)


def _check_step(path: Path, step: Any, key: str) -> None:
    """Refuses a step that lacks statistics of a feature, or has such as are no numbers.

    Raises:
        CheckpointError: If it does.
    """
    mode = _read_mode(step.norm_map, step.features[key])
    found = step.stats.get(key, {})
    needed = _STATISTICS.get(mode, ())
    missing = [name for name in needed if name not in found]
    if missing:
        lost = "statistics" if len(missing) == len(needed) else " and ".join(missing)
        raise CheckpointError(
            f"{path} normalises '{key}' by {mode} and holds no {lost} of it. {_REMEDY}"
        )
    for name in needed:
        if not np.isfinite(np.asarray(found[name], np.float64)).all():
            raise CheckpointError(
                f"{path} normalises '{key}' by {mode}, and its {name} holds NaN or infinity: "
                f"{np.ravel(found[name]).tolist()}. {_REMEDY}"
            )


def _normalizes(step: Any, key: str) -> bool:
    """Says whether a step normalises a feature."""
    chosen = step.normalize_observation_keys
    if key not in step.features or (key != ACTION and chosen is not None and key not in chosen):
        return False
    return _read_mode(step.norm_map, step.features[key]) != _IDENTITY


def _read_mode(modes: Mapping[Any, Any], feature: Any) -> str:
    """Returns how features of a type are normalised; its types are texts, too."""
    mode = modes.get(feature.type, _IDENTITY)
    return str(getattr(mode, "value", mode))


def _list_normalizers(processor: Any) -> list[Any]:
    return [step for step in processor.steps if hasattr(step, "norm_map")]


def _is_empty_camera(key: str) -> bool:
    """Says whether a key is that of a camera that a policy was built with and never sees."""
    return key.startswith(f"{PREFIX}{EMPTY_CAMERA}")
