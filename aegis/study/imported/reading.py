"""Reading: which harness wrote a file or folder, and its results."""

from __future__ import annotations

from pathlib import Path

from aegis.core.errors import TraceError
from aegis.fleet.units import OFFICIAL_STARTS
from aegis.study.imported.fields import read_json_file
from aegis.study.imported.lerobot_results import read_lerobot_results
from aegis.study.imported.own_results import read_own_results
from aegis.study.imported.results import EpisodeAddress, ImportedResults
from aegis.study.imported.vla_eval_results import (
    read_vla_eval_aggregate,
    read_vla_eval_recording,
)

SUITES = {
    "libero_spatial": 10,
    "libero_object": 10,
    "libero_goal": 10,
    "libero_10": 10,
    "libero_90": 90,
}
"""LIBERO's suites, and how many tasks each has; other suites are taken as they are."""
_SQLITE = b"SQLite format 3\0"
_KNOWN = (
    "a recording of vla-eval (recording-*.sqlite), an aggregate of it (*_aggregate.json), "
    "eval_info.json of lerobot-eval or its folder, or a run of AEGIS (FOLDER or FOLDER:ARM)"
)


def read_results(place: str) -> ImportedResults:
    """Reads results.

    Args:
        place: File or folder; ``FOLDER:ARM`` for an arm of a run of AEGIS.

    Raises:
        TraceError: If nothing is there, nobody known wrote it, or it has tasks or start states
            that LIBERO does not have.
    """
    results = _read_results(place)
    for episode in results.episodes:
        _check_address(episode.address, results.source)
    return results


def _check_address(address: EpisodeAddress, source: str) -> None:
    """Refuses a task or a start state that its suite does not have."""
    tasks = SUITES.get(address.suite)
    if tasks is None:
        return
    for name, number, count in (
        ("task", address.task, tasks),
        ("start", address.index, OFFICIAL_STARTS),
    ):
        if not 0 <= number < count:
            raise TraceError(
                f"{source} has {name} {number} of {address.suite}, which has 0 to {count - 1}."
            )


def _read_results(place: str) -> ImportedResults:
    path, arm = _split_arm(place)
    if path.is_dir():
        if (path / "episodes.parquet").is_file():
            return read_own_results(path, arm)
        path = path / "eval_info.json"
    if not path.is_file():
        raise TraceError(f"'{place}' holds no results. Allowed: {_KNOWN}.")
    with path.open("rb") as file:
        start = file.read(len(_SQLITE))
    if start == _SQLITE:
        return read_vla_eval_recording(path)
    content = read_json_file(path)
    if "per_task" in content:
        return read_lerobot_results(path, content, OFFICIAL_STARTS)
    if "tasks" in content:
        return read_vla_eval_aggregate(path, content)
    raise TraceError(f"Nobody known wrote {path}. Allowed: {_KNOWN}.")


def _split_arm(place: str) -> tuple[Path, str]:
    """Returns a place, and the arm that is named behind it."""
    path = Path(place).expanduser()
    if path.exists():
        return path, ""
    folder, _, arm = place.rpartition(":")
    return (Path(folder).expanduser(), arm) if folder else (path, "")
