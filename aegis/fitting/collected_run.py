"""Collected run: the table of a run that detectors are fitted on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from aegis.core.errors import CalibrationError, TraceError, UnknownNameError
from aegis.core.types import PolicyId
from aegis.detectors.reading import Reading
from aegis.fitting.table import FittingTable, join_tables
from aegis.fleet.units import Split, find_split
from aegis.records import manifest
from aegis.records.rows import EpisodeRow
from aegis.records.store import RunTables

_RowFilter = Callable[
    [pa.Table, Sequence[EpisodeRow], NDArray[np.int64], NDArray[np.int64]], NDArray[np.bool_]
]
"""Says which rows count, from an arm's steps, its episodes, and the rows' episodes and ticks."""


@dataclass(frozen=True, slots=True, eq=False)
class CollectedRun:
    """A collected run, of which the tables were read once.

    Attributes:
        tables: The run.
        steps: Its steps.
        features: Its activations.
        policy: Whose activations are wanted.
        reading: Of which taps.
        facts: What the run was made of.
    """

    tables: RunTables
    steps: pa.Table
    features: pa.Table
    policy: PolicyId
    reading: Reading
    facts: Mapping[str, object]

    @classmethod
    def from_tables(cls, tables: RunTables, policy: PolicyId, layer: str) -> CollectedRun:
        """Reads a run.

        Args:
            tables: The run.
            policy: Whose activations.
            layer: Of which taps; see ``aegis.detectors.reading``.

        Raises:
            TraceError: If the run is damaged.
            ConfigError: If the layers are no reading.
        """
        facts, reading = manifest.read_manifest(tables.root)["identity"], Reading(layer)
        assert isinstance(facts, dict)
        return cls(tables, tables.read_steps(), tables.read_features(), policy, reading, facts)

    def tabulate_rollouts(self, arms: Sequence[str], split: Split | None = None) -> FittingTable:
        """Returns the activations of the policy in some arms.

        Rows are those from which that policy alone drove to the end, since only they say how it
        ends when it is left alone: all rows of an episode without another driver; else those after
        the last chunk of another, and the shadow's row at the start of that chunk, at which control
        was given back. Those of failed episodes are positive.

        Args:
            arms: Arms that wrote their activations down. Each plays an episode of its own from a
                start state; splits keep those of one start state together.
            split: Only units of this split; None takes all.

        Raises:
            TraceError: If the run is damaged.
            UnknownNameError: If the run has no such arm, policy or layer.
            CalibrationError: If no episode is left.
        """
        alone = partial(_mask_alone, policy=self.policy)
        found = join_tables([self._tabulate_arm(arm, split, alone) for arm in arms])
        if not found.episodes:
            of_split = "" if split is None else f" of split '{split}'"
            raise CalibrationError(
                f"{self.tables.root} has no episodes{of_split} that '{self.policy}' finished alone "
                f"in {', '.join(arms)}. Collect some."
            )
        return found

    def tabulate_stays(
        self,
        arms: Sequence[str],
        holds: tuple[int, int],
        alone: str | None = None,
        solved: bool = False,
    ) -> FittingTable:
        """Returns the states in which another policy was called for one stay, and how that ended.

        A row is the chunk of the policy at which the stay was decided. It is positive where the
        episode succeeded: a detector should score high what a stay of such a length rescues. Each
        row is an episode of its own. What counts is the length that was ordered: a stay also ends
        with its episode, so the length that it had depends on success.

        Args:
            arms: Arms with one stay per episode, which wrote activations down, for example of
                ``aegis collect stints=true``.
            holds: Shortest and longest stay that counts [chunks].
            alone: Only stays in episodes that this arm fails from the same start state, so that a
                rescue is one of a failure; None: all.
            solved: Those that it solves instead, so that what is no rescue was ruined by the stay.

        Raises:
            TraceError: If the run is damaged.
            UnknownNameError: If the run has no such arm, policy or layer.
            CalibrationError: If it has no such stays.
        """
        called = partial(_mask_stays, holds=holds)
        found = join_tables([self._tabulate_arm(arm, None, called) for arm in arms])
        if alone is not None:
            found = found.select_rows(np.isin(found.start, self._list_starts(alone, solved)))
        if not found.episodes:
            how = "solves" if solved else "fails"
            where = "" if alone is None else f" whose start state '{alone}' {how}"
            raise CalibrationError(
                f"{self.tables.root} has no episodes{where} with one stay of {holds[0]} to "
                f"{holds[1]} chunks in {', '.join(arms)}. Play some: aegis collect stints=true."
            )
        number = np.arange(len(found.k), dtype=np.int64)
        return replace(found, episode=number, positive=~found.positive)

    def _list_starts(self, arm: str, solved: bool) -> list[str]:
        """Returns the start states of which an arm solved, or failed, the episode."""
        rows = [row for row in self.tables.episodes if row.arm == arm]
        if not rows:
            names = sorted({row.arm for row in self.tables.episodes})
            raise UnknownNameError("arm", arm, names, str(self.tables.root))
        return [str(row.key) for row in rows if row.success == solved]

    def _tabulate_arm(self, arm: str, split: Split | None, keep: _RowFilter) -> FittingTable:
        """Returns the rows of one arm that count."""
        root, rows = self.tables.root, [row for row in self.tables.episodes if row.arm == arm]
        if not rows:
            names = sorted({row.arm for row in self.tables.episodes})
            raise UnknownNameError("arm", arm, names, str(root))
        steps, vectors = _select_arm(self.steps, arm), self._select_vectors(arm)
        some = vectors[self.reading.tapped[0]]
        episode = _match_episodes(some, rows)
        chosen = [i for i, row in enumerate(rows) if split is None or find_split(row.key) is split]
        k = some.column("k").to_numpy().astype(np.int64)
        mask = np.isin(episode, chosen) & keep(steps, rows, episode, k)
        horizon = int(str(self.facts["horizon"]))
        columns = {name: _stack_vectors(table.column("vector")) for name, table in vectors.items()}
        # Joined before rows are left out: what a probe remembers, it saw in those, too.
        features = self.reading.build_matrix(columns, episode, k, horizon)[mask]
        episode, k = episode[mask], k[mask]
        return FittingTable(
            episode=episode,
            task=np.array([rows[i].task for i in episode], np.int64),
            start=np.array([str(rows[i].key) for i in episode], np.str_),
            k=k,
            features=features,
            proprio=_stack_vectors(steps.column("proprio"))[_compute_offsets(rows)[episode] + k],
            positive=np.array([not rows[i].success for i in episode], bool),
            horizon=horizon,
            layer=self.reading.layer,
            policy_digest=str(self.facts[f"policy.{self.policy}"]),
        )

    def _select_vectors(self, arm: str) -> dict[str, pa.Table]:
        """Returns the rows of each layer that is read; they agree in what they are about."""
        where = f"the activations of arm '{arm}' in {self.tables.root}"
        mine = _select_rows(_select_arm(self.features, arm), "policy", self.policy, where)
        where = f"the activations of policy '{self.policy}' in {self.tables.root}"
        found = {name: _select_rows(mine, "layer", name, where) for name in self.reading.tapped}
        places = [table.select(["task", "start", "index", "k"]) for table in found.values()]
        if any(place != places[0] for place in places[1:]):
            raise TraceError(
                f"The layers {', '.join(found)} in {self.tables.root} were not written down "
                "together. Run again."
            )
        return found


def _mask_alone(
    steps: pa.Table,
    rows: Sequence[EpisodeRow],
    episode: NDArray[np.int64],
    k: NDArray[np.int64],
    policy: PolicyId,
) -> NDArray[np.bool_]:
    """Says from which ticks on a policy drove alone to the end. Shape (n,)."""
    active = pc.equal(steps.column("active"), policy).to_numpy()
    begun, number = steps.column("boundary").to_numpy(), _number_steps(rows)
    tick = steps.column("k").to_numpy()
    mine, other = (np.full(len(rows), -1, np.int64) for _ in range(2))
    for last, chunks in ((mine, begun & active), (other, begun & ~active)):
        np.maximum.at(last, number[chunks], tick[chunks])
    # Where another policy's chunk was the last one, it finished, and the shadow never drove again.
    finished = (other < 0) | (mine > other)
    alone: NDArray[np.bool_] = finished[episode] & (k >= other[episode])
    return alone


def _mask_stays(
    steps: pa.Table,
    rows: Sequence[EpisodeRow],
    episode: NDArray[np.int64],
    k: NDArray[np.int64],
    holds: tuple[int, int],
) -> NDArray[np.bool_]:
    """Says at which chunks the only stay of an episode was decided. Shape (n,)."""
    ordered = pc.is_valid(steps.column("hold")).to_numpy()
    number, tick = _number_steps(rows)[ordered], steps.column("k").to_numpy()[ordered]
    hold = steps.column("hold").drop_null().to_numpy()
    once = (np.bincount(number, minlength=len(rows)) == 1)[number]
    short = once & (hold >= holds[0]) & (hold <= holds[1])
    decided = np.full(len(rows), -1, np.int64)
    decided[number[short]] = tick[short]
    called: NDArray[np.bool_] = decided[episode] == k
    return called


def _number_steps(rows: Sequence[EpisodeRow]) -> NDArray[np.int64]:
    """Returns the number of the episode that each step belongs to. Shape (steps,)."""
    return np.repeat(np.arange(len(rows)), [row.steps for row in rows])


def _compute_offsets(rows: Sequence[EpisodeRow]) -> NDArray[np.int64]:
    """Returns the place of each episode's first step. Shape (episodes,) [rows].

    Steps are sorted like episodes, one row per tick from 0 on, so a row is found by arithmetic.
    """
    return np.concatenate([[0], np.cumsum([row.steps for row in rows])])[:-1].astype(np.int64)


def _match_episodes(table: pa.Table, rows: list[EpisodeRow]) -> NDArray[np.int64]:
    """Returns the place in ``rows`` of each table row's episode. Shape (n,).

    Raises:
        TraceError: If a row is of an episode that is not there.
    """
    number = {(row.task, row.start, row.index): i for i, row in enumerate(rows)}
    columns = (table.column(name).to_pylist() for name in ("task", "start", "index"))
    try:
        return np.array([number[key] for key in zip(*columns, strict=True)], np.int64)
    except KeyError as error:
        raise TraceError(f"Activations of an unknown episode {error}. Run again.") from error


def _select_arm(table: pa.Table, arm: str) -> pa.Table:
    return table.filter(pc.equal(table.column("arm"), arm))


def _select_rows(table: pa.Table, column: str, name: str, where: str) -> pa.Table:
    names = sorted(pc.unique(table.column(column)).to_pylist())
    if name not in names:
        raise UnknownNameError(column, name, names or ["(none were written down)"], where)
    return table.filter(pc.equal(table.column(column), name))


def _stack_vectors(column: pa.ChunkedArray) -> NDArray[np.float32]:
    """Returns a column of equally long lists as a matrix. Shape (n, f)."""
    n = len(column)
    flat = pc.list_flatten(column).to_numpy().astype(np.float32)
    if n == 0 or len(flat) % n:
        raise TraceError("Vectors of one column differ in length. The table is damaged.")
    return np.ascontiguousarray(flat.reshape(n, -1))
