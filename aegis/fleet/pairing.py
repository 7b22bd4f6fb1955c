"""Pairing: check that the arms of a unit share a prefix bit for bit.

Until the first tick at which two arms are driven differently they must be bit-identical, in state
and in action. If not, something drew from a shared generator, and their difference means nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pyarrow as pa

from aegis.core.errors import PairingError
from aegis.core.types import EpisodeKey
from aegis.fleet.arm import Arm, Driver
from aegis.records.store import RunStore


@dataclass(frozen=True, slots=True)
class Trail:
    """What an arm did on a unit, tick by tick.

    Attributes:
        arm: Name of the arm.
        drivers: Who drove, and who was to drive next where rows are coasted on.
        states: Hash of the state before each command.
        actions: What was executed, as bytes that compare exactly.
    """

    arm: str
    drivers: Sequence[tuple[Driver, Driver | None]]
    states: Sequence[str]
    actions: Sequence[bytes]


def read_trail(store: RunStore, key: EpisodeKey, arm: Arm) -> Trail:
    """Reads a trail from a finished episode."""
    table = store.read_episode_steps(key, arm.name, ("active", "next", "digest", "action"))
    width = len(arm.controller.embodiment.names)
    # Who waits for another driver coasts on rows that others, who do not wait, replace.
    late = bool(arm.controller.coast)
    flat = table.column("action").combine_chunks().values.to_numpy(zero_copy_only=False)
    actions = np.ascontiguousarray(flat, dtype=np.float32).reshape(-1, width)
    return Trail(
        arm.name,
        [
            (arm.resolve_driver(active), arm.resolve_driver(heir) if late else None)
            for active, heir in zip(*_list_drivers(table), strict=True)
        ],
        table.column("digest").to_pylist(),
        [action.tobytes() for action in actions],
    )


def _list_drivers(table: pa.Table) -> tuple[list[str], list[str]]:
    """Lists who drove and who was to drive next, tick by tick."""
    return table.column("active").to_pylist(), table.column("next").to_pylist()


def check_pairing(key: EpisodeKey, trails: Sequence[Trail]) -> None:
    """Compares every two arms of a unit.

    Raises:
        PairingError: If two arms differ while driven alike.
    """
    for one, other in combinations(trails, 2):
        _compare_trails(key, one, other)


def _compare_trails(key: EpisodeKey, one: Trail, other: Trail) -> None:
    for k in range(min(len(one.states), len(other.states))):
        # Before the drivers: even the first tick of another driver begins where both have been so
        # far.
        if one.states[k] != other.states[k]:
            raise _build_error(key, one, other, k, "states")
        if one.drivers[k] != other.drivers[k]:
            return
        if one.actions[k] != other.actions[k]:
            raise _build_error(key, one, other, k, "actions")
    if len(one.states) != len(other.states):
        raise _build_error(key, one, other, min(len(one.states), len(other.states)), "lengths")


def _build_error(key: EpisodeKey, one: Trail, other: Trail, k: int, what: str) -> PairingError:
    return PairingError(
        f"Arms '{one.arm}' and '{other.arm}' of unit {key} have different {what} at tick {k}, "
        "though they were driven alike so far. A policy or the world draws from a generator that "
        "is not addressed (aegis.core.seeds), or its results depend on the batch."
    )
