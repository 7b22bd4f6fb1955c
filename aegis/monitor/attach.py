"""Attaches to a run from another process: reads its folder and tells a sink what is new."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from aegis.core.errors import TraceError, UnknownNameError
from aegis.core.types import EpisodeKey
from aegis.fleet.progress import Progress, Sink
from aegis.records.store import RunTables, Store

_PART = re.compile(r"(\d+)-(.+)-(\d+)-([A-Za-z0-9_.]+)\.parquet")


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


class Attachment:
    """A run seen from outside.

    Args:
        root: The run folder.
        sink: Who is told.
    """

    def __init__(self, root: Path, sink: Sink) -> None:
        self._root = root
        self._store = Store(root)
        self._sink = sink
        self._seen: set[str] = set()
        self._ticks: dict[tuple[EpisodeKey, str], int] = {}
        self._open = False

    def poll(self) -> str:
        """Tells the sink what is new.

        Returns:
            The state of the run: ``running``, ``stopped`` or ``finished``.

        Raises:
            TraceError: If the folder is damaged.
        """
        status = self._status()
        if not self._open:
            self._open = True
            present = len(list(self._store.parts.glob("*.parquet")))
            arms = list(cast(Mapping[str, object], status.get("arms", {})))
            self._sink.opened(cast(int, status.get("total", present)), present, arms)
        for path in sorted(self._store.parts.glob("*.parquet")):
            self._finished(path)
        for entry in cast(list[dict[str, object]], status.get("running", [])):
            self._progress(entry)
        return str(status.get("state", "finished"))

    def age(self, now: float) -> float:
        """Returns the time since the run last said how it stands [s], given the time of day."""
        path = self._root / "status.json"
        return now - path.stat().st_mtime if path.exists() else 0.0

    def _status(self) -> Mapping[str, object]:
        path = self._root / "status.json"
        try:
            return cast(Mapping[str, object], json.loads(path.read_text()))
        except FileNotFoundError:
            rows = RunTables.load(self._root).episodes
            arms = dict.fromkeys(row.arm for row in rows)
            return {"state": "finished", "total": len(rows), "arms": arms, "running": []}
        except (OSError, ValueError) as error:
            raise TraceError(f"{path} is damaged ({error}). Remove it and run again.") from error

    def _finished(self, path: Path) -> None:
        match = _PART.fullmatch(path.name)
        if match is None or path.name in self._seen:
            return
        identity = self._identity()
        key = EpisodeKey(
            int(identity["root"]), identity["suite"], int(match[1]), match[2], int(match[3])
        )
        row = self._store.read(key, match[4])
        if row is not None:
            self._seen.add(path.name)
            self._sink.finished(row)

    def _identity(self) -> Mapping[str, str]:
        path = self._root / "manifest.json"
        try:
            return cast(Mapping[str, str], json.loads(path.read_text())["identity"])
        except (OSError, ValueError, KeyError) as error:
            raise TraceError(f"{path} is damaged ({error}). Is this a run folder?") from error

    def _progress(self, entry: Mapping[str, object]) -> None:
        key = EpisodeKey(**cast(dict[str, int], entry["key"]))  # type: ignore[arg-type]
        place = (key, str(entry["arm"]))
        if f"{key.task}-{key.start}-{key.index}-{place[1]}.parquet" in self._seen:
            return
        if self._ticks.get(place) == entry["k"]:
            return
        self._ticks[place] = cast(int, entry["k"])
        self._sink.progress(_read_progress(key, entry))


def _read_progress(key: EpisodeKey, entry: Mapping[str, object]) -> Progress:
    return Progress(
        key=key,
        arm=str(entry["arm"]),
        k=cast(int, entry["k"]),
        horizon=cast(int, entry["horizon"]),
        active=str(entry["active"]),
        risk=_number(entry["risk"]),
        threshold=_number(entry["threshold"]),
        fires=cast(int, entry["fires"]),
        strong_steps=cast(int, entry["strong_steps"]),
        instruction=str(entry["instruction"]),
    )


def _number(value: object) -> float:
    """Returns a number; null stands for NaN, which JSON does not have."""
    return math.nan if value is None else float(cast(float, value))
