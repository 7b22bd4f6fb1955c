"""Advantage: forks as a table to fit a detector on: where strong does what weak does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from aegis.core.errors import CalibrationError
from aegis.core.types import PolicyId
from aegis.fitting.from_runs import Collected
from aegis.fitting.table import Rollouts
from aegis.records.forks import RESEED, STRONG, Unit, forks_of
from aegis.records.rows import EpisodeRow
from aegis.records.store import RunTables


def load_advantage(root: Path, arm: str, policy: PolicyId, layer: str) -> Rollouts:
    """Reads the states from which a fork set went on, and whether the strong policy was needed.

    A row is a chunk of the policy alone at whose tick everything was handed over. It counts as a
    failure, in the sense of the table, where the strong policy succeeded from there and the weak
    one, with fresh noise (else as it was), did not: what a detector of it scores high is worth a
    hand-over, which failure that nobody could mend is not. Each row is an episode of its own.

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
    tables = RunTables.load(root)
    rows = Collected.of(tables, policy, layer).rollouts([arm])
    strong, reseed = (_won(forks_of(tables.episodes, kind)) for kind in (STRONG, RESEED))
    places = list(zip(rows.start.tolist(), rows.k.tolist(), strict=True))
    mask = np.array([place in strong for place in places], bool)
    if not mask.any():
        raise CalibrationError(
            f"{root} has no forks of arm '{arm}'. Play some: aegis collect forks=[0,25,50,75,100]."
        )
    alone = dict(zip(rows.start.tolist(), rows.success.tolist(), strict=True))
    needed = [
        strong[place] and not reseed.get(place, alone[place[0]])
        for place, forked in zip(places, mask, strict=True)
        if forked
    ]
    found = rows.where(mask)
    # Labels of one start state differ from tick to tick; splits still keep it together.
    number = np.arange(len(needed), dtype=np.int64)
    return replace(found, episode=number, success=~np.array(needed, bool))


def _won(forks: Mapping[int, Mapping[Unit, EpisodeRow]]) -> dict[tuple[str, int], bool]:
    """Returns start state and tick to success."""
    return {(str(row.key), k): row.success for k, units in forks.items() for row in units.values()}
