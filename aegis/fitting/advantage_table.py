"""Advantage table: forked states, labelled by whether only the strong policy succeeds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from aegis.core.errors import CalibrationError
from aegis.core.types import PolicyId
from aegis.fitting.collected_run import CollectedRun
from aegis.fitting.table import FittingTable
from aegis.records.fork_rows import RESEED_FORK, STRONG_FORK, UnitKey, select_forks
from aegis.records.rows import EpisodeRow
from aegis.records.store import RunTables


def read_advantage_table(root: Path, arm: str, policy: PolicyId, layer: str) -> FittingTable:
    """Reads the states from which a fork set went on, and whether the strong policy was needed.

    A row is a chunk of the policy alone at whose tick everything was handed over. It is positive
    where the strong policy succeeded from there and the weak one, with fresh noise (else as it
    was), did not: such a state is worth a hand-over, while one that both policies lose is not. Each
    row is an episode of its own.

    Args:
        root: Run folder of a fork set.
        arm: The arm that was forked.
        policy: Whose activations.
        layer: Of which taps; see ``aegis.detectors.reading``.

    Raises:
        TraceError: If the run is missing or damaged.
        UnknownNameError: If the run has no such arm, policy or layer.
        CalibrationError: If the run has no forks.
    """
    tables = RunTables.read_folder(root)
    rows = CollectedRun.from_tables(tables, policy, layer).tabulate_rollouts([arm])
    strong, reseed = (
        _index_success(select_forks(tables.episodes, kind)) for kind in (STRONG_FORK, RESEED_FORK)
    )
    places = list(zip(rows.start.tolist(), rows.k.tolist(), strict=True))
    mask = np.array([place in strong for place in places], bool)
    if not mask.any():
        raise CalibrationError(
            f"{root} has no forks of arm '{arm}'. Play some: aegis collect forks=[0,25,50,75,100]."
        )
    alone = dict(zip(rows.start.tolist(), (~rows.positive).tolist(), strict=True))
    needed = [
        strong[place] and not reseed.get(place, alone[place[0]])
        for place, forked in zip(places, mask, strict=True)
        if forked
    ]
    found = rows.select_rows(mask)
    # Labels of one start state differ from tick to tick; splits still keep it together.
    number = np.arange(len(needed), dtype=np.int64)
    return replace(found, episode=number, positive=np.array(needed, bool))


def _index_success(
    forks: Mapping[int, Mapping[UnitKey, EpisodeRow]],
) -> dict[tuple[str, int], bool]:
    """Returns start state and tick to success."""
    return {(str(row.key), k): row.success for k, units in forks.items() for row in units.values()}
