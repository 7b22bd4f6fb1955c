"""Action range: from where to where the demonstrations moved each joint, as checkpoints keep it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from policies.lerobot.checkpoint import POSTPROCESSOR, find_folder, read_json

Limits: TypeAlias = Mapping[str, tuple[float, float]]
"""Joint to its smallest and largest command, in the robot's units."""

_LOW, _HIGH = "action.min", "action.max"


def read_action_range(place: str, names: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Returns the smallest and largest action that a checkpoint was trained on, joint by joint.

    Args:
        place: Folder of the checkpoint, or its name in the hub's cache.
        names: The robot's joints.

    Returns:
        Nothing where the checkpoint does not say, or has other joints.

    Raises:
        CheckpointError: If there is none.
    """
    from safetensors.numpy import load_file

    folder = find_folder(place)
    for step in read_json(folder / POSTPROCESSOR)["steps"]:
        if not (state := step.get("state_file")):
            continue
        kept = load_file(folder / Path(state).name)
        if (
            _LOW in kept
            and _HIGH in kept
            and kept[_LOW].shape == kept[_HIGH].shape == (len(names),)
        ):
            pairs = zip(kept[_LOW].tolist(), kept[_HIGH].tolist(), strict=True)
            return dict(zip(names, pairs, strict=True))
    return {}


def join_ranges(ranges: Iterable[Limits]) -> dict[str, tuple[float, float]]:
    """Returns the smallest range of each joint that holds all of its ranges."""
    joined: dict[str, tuple[float, float]] = {}
    for one in ranges:
        for name, (low, high) in one.items():
            known = joined.get(name, (low, high))
            joined[name] = (min(low, known[0]), max(high, known[1]))
    return joined
