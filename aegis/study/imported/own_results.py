"""Own results: one arm of a run of AEGIS, so that it can be compared with another harness."""

from __future__ import annotations

from pathlib import Path

from aegis.core.errors import ConfigError, TraceError, UnknownNameError
from aegis.records.store import RunTables
from aegis.study.imported.results import (
    EpisodeAddress,
    ImportedEpisode,
    ImportedResults,
    number_repetitions,
)

HARNESS = "aegis"
OFFICIAL = "official"
"""The family of start states that other harnesses play."""


def read_own_results(folder: Path, arm: str) -> ImportedResults:
    """Reads the episodes of an arm that were played from official start states.

    Args:
        folder: Of a finished run.
        arm: The arm; empty where there is only one.

    Raises:
        TraceError: If it is no run, or was played from other start states.
        ConfigError: If it has several arms, and none is named.
        UnknownNameError: If it has no such arm.
    """
    rows = RunTables.read_folder(folder).episodes
    arms = sorted({row.arm for row in rows})
    if not arm and len(arms) > 1:
        raise ConfigError(
            f"{folder} has several arms: {', '.join(arms)}. Name one: {folder}:{arms[0]}."
        )
    if arm and arm not in arms:
        raise UnknownNameError("arm", arm, arms, str(folder))
    kept = [row for row in rows if row.arm == (arm or arms[0])]
    others = sorted({row.start for row in kept} - {OFFICIAL})
    official = [row for row in kept if row.start == OFFICIAL]
    if not official:
        raise TraceError(
            f"{folder} was played from start states '{', '.join(others)}', which no other harness "
            "knows. Play start=official."
        )
    episodes = [
        ImportedEpisode(
            EpisodeAddress(row.suite, row.task, row.index),
            row.success,
            row.steps,
            row.instruction,
        )
        for row in sorted(official, key=lambda row: (row.suite, row.task, row.index, row.root))
    ]
    left = len(kept) - len(official)
    notes = [f"{left} episodes of {folder} have other start states: left out."] if left else []
    source = f"{folder}:{arm or arms[0]}"
    return ImportedResults(source, HARNESS, number_repetitions(episodes), {}, tuple(notes))
