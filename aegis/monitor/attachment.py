"""Attachment: follows a run of another process through its files."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol, cast, runtime_checkable

from aegis.core.errors import TraceError, UnknownNameError
from aegis.core.types import EpisodeKey
from aegis.fleet.progress import EpisodeProgress, Judgement, ProgressSink
from aegis.records.names import format_part_name, parse_part_name
from aegis.records.store import RunStore, RunTables


def find_run(name: str, folder: Path) -> Path:
    """Returns the folder of a run, given as a path or as a name in ``folder``.

    Raises:
        UnknownNameError: If there is no such run.
    """
    for path in (Path(name), folder / name):
        if (path / "manifest.json").is_file():
            return path
    known = [path.parent.name for path in sorted(folder.glob("*/manifest.json"))]
    raise UnknownNameError("run", name, known or ["(none yet)"], f"{folder}/")


@runtime_checkable
class PacedSink(Protocol):
    """A sink that takes a run's pace from outside instead of measuring its own."""

    def on_pace(self, elapsed: float, steps: int, resumed: int) -> None:
        """Takes in how a run is going.

        Args:
            elapsed: Time since the run was opened [s].
            steps: Control steps that it played since.
            resumed: Episodes that were finished before it was opened.
        """
        ...


class Attachment:
    """A run seen from outside.

    Args:
        root: The run folder.
        sink: Receives the events of the run.
    """

    def __init__(self, root: Path, sink: ProgressSink) -> None:
        self._root = root
        self._store = RunStore(root)
        self._sink = sink
        self._seen: set[str] = set()
        self._ticks: dict[tuple[EpisodeKey, str], int] = {}
        self._open = False

    def poll_run(self) -> str:
        """Reports to the sink what is new.

        Returns:
            The state of the run: ``running``, ``stopped`` or ``finished``.

        Raises:
            TraceError: If the folder is damaged.
        """
        status = self._read_status()
        if not self._open:
            self._open = True
            present = len(list(self._store.parts.glob("*.parquet")))
            arms = list(cast(Mapping[str, object], status.get("arms", {})))
            self._sink.on_run_opened(cast(int, status.get("total", present)), present, arms)
        # Episodes in flight first: a unit that is open must not be passed over by complete ones.
        for entry in cast(list[dict[str, object]], status.get("running", [])):
            self._report_progress(entry)
        for path in sorted(self._store.parts.glob("*.parquet")):
            self._report_episode(path)
        if isinstance(self._sink, PacedSink) and "steps" in status:
            elapsed, steps = cast(float, status["elapsed"]), cast(int, status["steps"])
            self._sink.on_pace(elapsed, steps, cast(int, status["resumed"]))
        return str(status.get("state", "finished"))

    def measure_age(self, now: float) -> float:
        """Returns the time since the run last said how it stands [s], given the time of day."""
        path = self._root / "status.json"
        return now - path.stat().st_mtime if path.exists() else 0.0

    def _read_status(self) -> Mapping[str, object]:
        path = self._root / "status.json"
        try:
            return cast(Mapping[str, object], json.loads(path.read_text()))
        except FileNotFoundError:
            rows = RunTables.read_folder(self._root).episodes
            arms = dict.fromkeys(row.arm for row in rows)
            return {"state": "finished", "total": len(rows), "arms": arms, "running": []}
        except (OSError, ValueError) as error:
            raise TraceError(f"{path} is damaged ({error}). Remove it and run again.") from error

    def _report_episode(self, path: Path) -> None:
        part = parse_part_name(path.name)
        if part is None or path.name in self._seen:
            return
        task, start, index, arm = part
        identity = self._read_identity()
        key = EpisodeKey(int(identity["root"]), identity["suite"], task, start, index)
        row = self._store.read_episode_row(key, arm)
        if row is not None:
            self._seen.add(path.name)
            self._sink.on_episode_finished(row)

    def _read_identity(self) -> Mapping[str, str]:
        path = self._root / "manifest.json"
        try:
            return cast(Mapping[str, str], json.loads(path.read_text())["identity"])
        except (OSError, ValueError, KeyError) as error:
            raise TraceError(f"{path} is damaged ({error}). Is this a run folder?") from error

    def _report_progress(self, entry: Mapping[str, object]) -> None:
        key = EpisodeKey(**cast(dict[str, int], entry["key"]))  # type: ignore[arg-type]
        place = (key, str(entry["arm"]))
        # The status may be older than the files: what has finished is in flight no more.
        if format_part_name(*place) in self._seen:
            return
        if self._ticks.get(place) == entry["k"]:
            return
        self._ticks[place] = cast(int, entry["k"])
        self._sink.on_progress(_read_progress(key, entry))


def _read_progress(key: EpisodeKey, entry: Mapping[str, object]) -> EpisodeProgress:
    return EpisodeProgress(
        key=key,
        arm=str(entry["arm"]),
        k=cast(int, entry["k"]),
        horizon=cast(int, entry["horizon"]),
        active=str(entry["active"]),
        helper=str(entry.get("helper", "strong")),
        risk=_parse_number(entry["risk"]),
        quantity=str(entry.get("quantity", "")),
        track=tuple(_read_track(cast(list[list[object]], entry.get("track", [])))),
        fires=cast(int, entry["fires"]),
        strong_steps=cast(int, entry["strong_steps"]),
        instruction=str(entry["instruction"]),
    )


def _read_track(track: Sequence[Sequence[object]]) -> Iterator[Judgement]:
    for k, value, bar, helped in track:
        yield Judgement(cast(int, k), _parse_number(value), _parse_number(bar), bool(helped))


def _parse_number(value: object) -> float:
    """Returns a number; null stands for NaN, which JSON does not have."""
    return math.nan if value is None else float(cast(float, value))
