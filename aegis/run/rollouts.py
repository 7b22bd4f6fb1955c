"""Rollouts: turns a collected run into the table that detectors are fitted on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from aegis.core.errors import CalibrationError, TraceError, UnknownNameError
from aegis.core.types import PolicyId
from aegis.detectors.rollouts import Rollouts
from aegis.run import manifest
from aegis.run.rows import EpisodeRow
from aegis.run.store import RunTables
from aegis.run.unit import Split, split_of


def load_rollouts(
    root: Path, arm: str, policy: PolicyId, layer: str, split: Split | None = None
) -> Rollouts:
    """Reads the activations of one policy in one arm of a run.

    Args:
        root: Run folder.
        arm: An arm that wrote its activations down.
        policy: Whose activations.
        layer: Of which tap.
        split: Only units of this split; None takes all.

    Raises:
        TraceError: If the run is missing or damaged.
        UnknownNameError: If the run has no such arm, policy or layer.
        CalibrationError: If no episode is left.
    """
    tables = RunTables.load(root)
    names = sorted({row.arm for row in tables.episodes})
    if arm not in names:
        raise UnknownNameError("arm", arm, names, str(root))
    wanted = _of_arm(tables.features(), arm)
    wanted = _pick(wanted, "policy", policy, f"the activations of arm '{arm}' in {root}")
    wanted = _pick(wanted, "layer", layer, f"the activations of policy '{policy}' in {root}")
    rows = [row for row in tables.episodes if row.arm == arm]
    chosen = {i for i, row in enumerate(rows) if split is None or split_of(row.key) is split}
    episode = _episode_numbers(wanted, rows)
    mask = np.isin(episode, sorted(chosen))
    if not mask.any():
        raise CalibrationError(f"{root} has no episodes of split '{split}'. Collect some.")
    return _assemble(
        root, tables, rows, wanted.filter(pa.array(mask)), episode[mask], layer, policy
    )


def _assemble(
    root: Path,
    tables: RunTables,
    rows: list[EpisodeRow],
    wanted: pa.Table,
    episode: NDArray[np.int64],
    layer: str,
    policy: PolicyId,
) -> Rollouts:
    identity = manifest.read(root)["identity"]
    assert isinstance(identity, dict)
    k = wanted.column("k").to_numpy().astype(np.int64)
    # Steps are sorted like episodes, one row per tick from 0 on, so a row is found by arithmetic.
    offsets = np.concatenate([[0], np.cumsum([row.steps for row in rows])])[:-1]
    proprio = _matrix(_of_arm(tables.steps(), rows[0].arm).column("proprio"))
    return Rollouts(
        episode=episode,
        task=np.array([rows[i].task for i in episode], np.int64),
        start=np.array([str(rows[i].key) for i in episode]),
        k=k,
        features=_matrix(wanted.column("vector")),
        proprio=proprio[offsets[episode] + k],
        success=np.array([rows[i].success for i in episode], bool),
        horizon=int(identity["horizon"]),
        layer=layer,
        policy_digest=str(identity[f"policy.{policy}"]),
    )


def _episode_numbers(table: pa.Table, rows: list[EpisodeRow]) -> NDArray[np.int64]:
    number = {(row.task, row.start, row.index): i for i, row in enumerate(rows)}
    columns = (table.column(name).to_pylist() for name in ("task", "start", "index"))
    try:
        return np.array([number[key] for key in zip(*columns, strict=True)], np.int64)
    except KeyError as error:
        raise TraceError(f"Activations of an unknown episode {error}. Run again.") from error


def _of_arm(table: pa.Table, arm: str) -> pa.Table:
    return table.filter(pc.equal(table.column("arm"), arm))


def _pick(table: pa.Table, column: str, name: str, where: str) -> pa.Table:
    names = sorted(pc.unique(table.column(column)).to_pylist())
    if name not in names:
        raise UnknownNameError(column, name, names or ["(none were written down)"], where)
    return table.filter(pc.equal(table.column(column), name))


def _matrix(column: pa.ChunkedArray) -> NDArray[np.float32]:
    """Returns a column of equally long lists as a matrix. Shape (n, f)."""
    n = len(column)
    flat = pc.list_flatten(column).to_numpy().astype(np.float32)
    if n == 0 or len(flat) % n:
        raise TraceError("Vectors of one column differ in length. The table is damaged.")
    return np.ascontiguousarray(flat.reshape(n, -1))
