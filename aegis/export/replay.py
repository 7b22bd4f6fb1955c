"""Replay: plays the recorded actions of an episode again, looks on, and checks every state."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc

from aegis.core.errors import TraceError
from aegis.core.protocols import World
from aegis.core.types import Act, Observation
from aegis.records.rows import EpisodeRow
from aegis.records.store import RunStore, read_table

RecordedStep = Mapping[str, Any]
"""A row of the table of steps, by column; ``k``, ``action`` and ``digest`` are needed."""
Cameras = Mapping[str, tuple[int, int]]
"""Camera name to (height, width) [px]."""

_NEEDED_COLUMNS = ("k", "action", "digest")


@dataclass(frozen=True, slots=True, eq=False)
class ReplayedStep:
    """A control step that was played again.

    Attributes:
        step: What was recorded of it.
        obs: The observation before its action.
    """

    step: RecordedStep
    obs: Observation


def read_recorded_steps(
    root: Path, row: EpisodeRow, columns: Sequence[str] = ()
) -> list[RecordedStep]:
    """Reads the steps of an episode, from its own file or else from the run's table.

    Args:
        root: Run folder.
        row: The episode.
        columns: Columns to read besides those that a replay needs.

    Raises:
        TraceError: If neither is there, or the table is damaged.
    """
    wanted = tuple(dict.fromkeys((*_NEEDED_COLUMNS, *columns)))
    store = RunStore(root)
    # The episode's own file is read in no time; a study that was cloned has only the table.
    if store.locate_part(row.key, row.arm).exists():
        found = store.read_episode_steps(row.key, row.arm, wanted)
    else:
        found = read_table(root / "steps.parquet")
        address = {"arm": row.arm, "task": row.task, "start": row.start, "index": row.index}
        for name, value in address.items():
            found = found.filter(pc.equal(found.column(name), value))
    steps: list[RecordedStep] = found.select(wanted).to_pylist()
    if [step["k"] for step in steps] != list(range(row.steps)):
        raise TraceError(
            f"{root} holds {len(steps)} steps of {row.key}, arm {row.arm}, which had {row.steps}. "
            "Run the same command again to finish it."
        )
    return steps


def replay_episode(
    world: World,
    row: EpisodeRow,
    steps: Sequence[RecordedStep],
    choose_cameras: Callable[[int], Cameras],
) -> Iterator[ReplayedStep]:
    """Plays an episode's actions again, from its start state.

    Looking changes no state: a replay may use other cameras, or none, than the run had.

    Args:
        world: Of the kind that the episode was played in.
        row: The episode.
        steps: Its steps from the first on; fewer than all end the replay early.
        choose_cameras: Tick to the cameras that are wanted there; none costs no rendering.

    Yields:
        Every step, before its action is executed.

    Raises:
        TraceError: If the world reaches another state than was recorded.
    """
    world.begin(row.key)
    for step in steps:
        _check_state(world, row, step["digest"], f"at tick {step['k']}")
        yield ReplayedStep(step, world.observe(choose_cameras(step["k"])))
        world.apply(Act(np.array(step["action"], np.float32)))
    if len(steps) == row.steps:
        _check_state(world, row, row.final, "at the end")


def _check_state(world: World, row: EpisodeRow, recorded: str, when: str) -> None:
    if world.digest() != recorded:
        raise TraceError(
            f"{row.key}, arm {row.arm}, goes another way {when} than when it was recorded: other "
            "versions, assets or processor. A program of your own holds its libraries as commands "
            "do if it starts with env $(python -m aegis.host.dispatch). Else run it again here, "
            "then replay it."
        )
