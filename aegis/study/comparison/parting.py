"""Parting: the first tick at which two arms of a unit are in different states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np
import pyarrow as pa

from aegis.core.errors import PairingError
from aegis.records.fork_rows import UnitKey, unit_key_of
from aegis.records.rows import EpisodeRow

_STATE_COLUMNS = ("task", "start", "index", "arm", "k", "digest")


@dataclass(frozen=True, slots=True)
class Parting:
    """When two arms part, over all units. Ticks are NaN where no unit parts [control steps].

    Attributes:
        parted: Units in which the states of the two arms differ from some tick on.
        never: Units in which every state is equal, the last one included.
        first, last: Earliest and latest parting.
        low, median, high: Quartiles of the partings.
    """

    parted: int
    never: int
    first: float
    low: float
    median: float
    high: float
    last: float


def find_parting(one: Sequence[str], other: Sequence[str]) -> int | None:
    """Returns the first tick at which two arms are in different states; None if there is none.

    Where one arm has ended and the other goes on, they part.

    Args:
        one: Hash of the state before each command of an arm, and of its last state.
        other: The same of the other arm.
    """
    pairs = enumerate(zip_longest(one, other))
    return next((k for k, (mine, theirs) in pairs if mine != theirs), None)


def summarise_partings(ticks: Sequence[int | None]) -> Parting:
    """Summarises the partings of all units; None stands for never."""
    known = [tick for tick in ticks if tick is not None]
    quantiles = np.quantile(known, [0, 0.25, 0.5, 0.75, 1]) if known else np.full(5, np.nan)
    return Parting(len(known), len(ticks) - len(known), *map(float, quantiles))


def read_states(
    steps: pa.Table, episodes: Sequence[EpisodeRow]
) -> dict[str, dict[UnitKey, list[str]]]:
    """Returns arm to unit to the hashes of its states, the last one included.

    Args:
        steps: Table of steps; schema ``aegis.records.schemas.STEP_SCHEMA``.
        episodes: The episodes that they belong to.

    Raises:
        PairingError: If an episode has another number of steps than its row says.
    """
    found: dict[str, dict[UnitKey, list[tuple[int, str]]]] = {}
    columns = [steps.column(name).to_pylist() for name in _STATE_COLUMNS]
    for task, start, index, arm, k, digest in zip(*columns, strict=True):
        found.setdefault(arm, {}).setdefault((task, start, index), []).append((k, digest))
    states: dict[str, dict[UnitKey, list[str]]] = {}
    for row in episodes:
        unit = unit_key_of(row)
        before = [digest for _, digest in sorted(found.get(row.arm, {}).get(unit, []))]
        if len(before) != row.steps:
            raise PairingError(
                f"Arm '{row.arm}' of unit {row.key} has {len(before)} rows in the table of steps, "
                f"but {row.steps} steps in that of episodes. Play the run again."
            )
        states.setdefault(row.arm, {})[unit] = [*before, row.final]
    return states


def find_partings(
    one: Mapping[UnitKey, Sequence[str]], other: Mapping[UnitKey, Sequence[str]]
) -> dict[UnitKey, int | None]:
    """Returns unit to the tick at which two arms part there; both have played the same units."""
    return {unit: find_parting(states, other[unit]) for unit, states in one.items()}
