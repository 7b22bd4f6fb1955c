"""Outcomes: all arms of a study on the same units, as arrays in the planned order of units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from aegis.core.errors import PairingError, UnknownNameError
from aegis.core.types import F64, I64, Bools, EpisodeKey
from aegis.records.rows import EpisodeRow
from aegis.stats.intervals import wilson_interval
from aegis.study.estimates import Share


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """Paired rows of all arms. All vectors have shape (n,) and follow ``keys``.

    Attributes:
        keys: The units in the order in which they were planned: by number of start state, then
            by task as the plan lists them, so that any first part of them is balanced over tasks.
        task: Task of each unit.
        start: Start state of each unit: units that differ in their noise alone share it.
        rows: Arm to its rows.
        success: Arm to success.
        strong: Arm to steps under its second driver.
        steps: Arm to steps.
    """

    keys: tuple[EpisodeKey, ...]
    task: I64
    start: I64
    rows: Mapping[str, tuple[EpisodeRow, ...]]
    success: Mapping[str, Bools]
    strong: Mapping[str, F64]
    steps: Mapping[str, F64]

    @classmethod
    def from_rows(
        cls, episodes: Sequence[EpisodeRow], arms: Sequence[str], tasks: Sequence[int] = ()
    ) -> Outcomes:
        """Pairs the rows.

        Args:
            episodes: Rows in any order; those of other arms are left out.
            arms: Order of the arms.
            tasks: Order of the tasks in the plan; those that it does not name come after, by
                number.

        Raises:
            UnknownNameError: If an arm has no rows.
            PairingError: If arms were not played on the same units.
        """
        found: dict[str, list[EpisodeRow]] = {arm: [] for arm in arms}
        for row in episodes:
            if row.arm in found:
                found[row.arm].append(row)
        place = {task: i for i, task in enumerate(dict.fromkeys(tasks))}

        def planned_order(row: EpisodeRow) -> tuple[int, str, int, int, int]:
            return row.index, row.start, place.get(row.task, len(place)), row.task, row.root

        rows = {arm: tuple(sorted(part, key=planned_order)) for arm, part in found.items()}
        _check_pairing(rows, sorted({row.arm for row in episodes}))
        keys = tuple(row.key for row in rows[arms[0]])
        starts: dict[tuple[int, str, int], int] = {}
        return cls(
            keys=keys,
            task=np.array([key.task for key in keys], np.int64),
            start=np.array(
                [starts.setdefault((k.task, k.start, k.index), len(starts)) for k in keys], np.int64
            ),
            rows=rows,
            success={arm: np.array([r.success for r in part], bool) for arm, part in rows.items()},
            strong={arm: _as_floats([r.strong_steps for r in p]) for arm, p in rows.items()},
            steps={arm: _as_floats([r.steps for r in part]) for arm, part in rows.items()},
        )

    @property
    def root(self) -> int:
        """Root seed, from which resampling is addressed."""
        return self.keys[0].root

    @property
    def n(self) -> int:
        """Number of units."""
        return len(self.keys)


def wilson_share(hits: Bools) -> Share:
    """Returns the share of units that were hit, with Wilson's interval. Shape of hits (n,).

    Of no units it is NaN, in [0, 1].
    """
    count, of = int(hits.sum()), len(hits)
    return Share(count, of, count / of if of else float("nan"), wilson_interval(count, of))


def _as_floats(values: Sequence[int]) -> F64:
    """Returns one number per unit, in the unit's own [control steps]. Shape (n,)."""
    return np.array(values, np.float64)


def _check_pairing(rows: Mapping[str, Sequence[EpisodeRow]], there: Sequence[str]) -> None:
    first, wanted = next(iter(rows.items()))
    keys = [row.key for row in wanted]
    for arm, part in rows.items():
        if not part:
            raise UnknownNameError("arm", arm, there, "the table of episodes")
        if len({row.key for row in part}) != len(part):
            raise PairingError(f"Arm '{arm}' has several rows of one unit. Make the tables again.")
        if [row.key for row in part] != keys:
            raise PairingError(
                f"Arms '{arm}' and '{first}' were not run on the same units "
                f"({len(part)} and {len(keys)}). Finish the run first."
            )
