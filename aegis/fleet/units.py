"""Units: the start states that every arm of an experiment plays, in disjoint splits."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from aegis.core.errors import ConfigError
from aegis.core.types import EpisodeKey


class Split(Enum):
    """What a start state may be used for; one split never shares a start with another."""

    TRAINING = "training"
    CALIBRATION = "calibration"
    TEST = "test"


OFFICIAL_STARTS = 50
"""Official start states of each task of LIBERO."""
# Sampled start states are numbered without bound; the official ones of a task are shared out.
_SAMPLED_INDICES = {
    Split.TRAINING: range(1_000_000),
    Split.CALIBRATION: range(1_000_000, 2_000_000),
    Split.TEST: range(2_000_000, 3_000_000),
}
_OFFICIAL_INDICES = {
    Split.TRAINING: range(20),
    Split.CALIBRATION: range(20, 30),
    Split.TEST: range(30, OFFICIAL_STARTS),
}


def get_split_indices(start: str, split: Split) -> range:
    """Returns the start-state numbers of a split in a family of start states."""
    return (_OFFICIAL_INDICES if start == "official" else _SAMPLED_INDICES)[split]


def find_split(key: EpisodeKey) -> Split:
    """Returns the split that an episode belongs to.

    Raises:
        ConfigError: If its number is in no split.
    """
    for split in Split:
        if key.index in get_split_indices(key.start, split):
            return split
    raise ConfigError(f"Start state {key.index} of family '{key.start}' is in no split ({key}).")


def list_units(
    root: int,
    suite: str,
    tasks: Sequence[int],
    start: str,
    split: Split,
    count: int,
    offset: int = 0,
) -> tuple[EpisodeKey, ...]:
    """Lists the units of an experiment, task by task in turn.

    Args:
        root: Root seed of the experiment.
        suite: Task suite.
        tasks: Task numbers.
        start: Family of start states, for example ``"wide"``.
        split: What the units are for.
        count: Units over all tasks together.
        offset: Start states of each task to skip, to reach ones not used before.

    Raises:
        ConfigError: If the split does not have that many start states.
    """
    if not tasks:
        raise ConfigError("An experiment needs at least one task. Got: none.")
    allowed = get_split_indices(start, split)
    per_task = -(-count // len(tasks))
    if count < 1 or offset < 0 or offset + per_task > len(allowed):
        raise ConfigError(
            f"{count} units over {len(tasks)} tasks from offset {offset} need {per_task} "
            f"'{start}' start states per task; split '{split.value}' has {len(allowed)}. Ask for "
            "fewer units, or for start states of another family ('wide' has a million)."
        )
    return tuple(
        EpisodeKey(root, suite, tasks[i % len(tasks)], start, allowed[offset + i // len(tasks)])
        for i in range(count)
    )


def list_official_units(
    root: int, suite: str, tasks: Sequence[int], per_task: int
) -> tuple[EpisodeKey, ...]:
    """Lists official start states across the splits, for figures that fit nothing."""
    if not 1 <= per_task <= OFFICIAL_STARTS:
        raise ConfigError(
            f"A task has {OFFICIAL_STARTS} official start states. Got: {per_task} per task."
        )
    return tuple(
        EpisodeKey(root, suite, task, "official", i) for i in range(per_task) for task in tasks
    )
