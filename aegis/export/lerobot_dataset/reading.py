"""Reading: a written dataset, read back from its own descriptions and compared with the run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from aegis.core.types import U8
from aegis.export.episode import Episode, decode_picture
from aegis.export.lerobot_dataset.columns import ACTION, STATE, Columns
from aegis.export.lerobot_dataset.films import count_pictures, read_pictures
from aegis.export.lerobot_dataset.metadata import INFO_PATH, STATS_PATH
from aegis.export.lerobot_dataset.pieces import PieceFolder
from aegis.export.readback import Readback, compare_episode
from aegis.study.verification import CheckResult

_PICTURE_TOLERANCE = 12.0
"""Largest mean difference of a film's picture from the drawn one [of 255]; encoding loses a few."""


def check_dataset(
    folder: Path, root: Path, columns: Columns, pieces: PieceFolder, episodes: Sequence[Episode]
) -> Iterator[CheckResult]:
    """Reads a dataset back; yields what was compared.

    Args:
        folder: The dataset.
        root: Run folder.
        columns: The columns that it was written with.
        pieces: Its pieces; pictures are compared with those drawn as long as they are there.
        episodes: Its episodes.
    """
    reader = _DatasetReader(folder, columns)
    faults: list[str] = []
    frames = pictures = 0
    try:
        faults += reader.check_totals(episodes)
        for episode in episodes:
            found = reader.read_episode(episode)
            frames += found.frames
            label = f"episode {episode.number}"
            faults += [f"{label}: {one}" for one in compare_episode(root, episode.row, found)]
            if pieces.locate_facts(episode.number).exists():
                drawn = pieces.read_piece(episode.number).ends
                pictures += sum(map(len, drawn.values()))
                faults += [f"{label}: {one}" for one in _compare_drawn(drawn, found, columns)]
    except MemoryError:
        raise  # That is no damage.
    except Exception as error:  # whatever a reader of damaged bytes stumbles over
        faults.append(f"a file is missing or damaged ({error})")
    compared = f", {pictures} pictures like those drawn" if pictures else ""
    said = f"frames equal to the run's{compared}"
    yield CheckResult.from_faults("lerobot", frames, faults, said)


@dataclass(slots=True)
class _DatasetReader:
    """Reads episodes of a dataset one after another; keeps the last file at hand."""

    folder: Path
    columns: Columns
    _info: dict[str, Any] | None = None
    _entries: list[dict[str, Any]] | None = None
    _table: tuple[Path, pa.Table] | None = None
    _lengths: dict[Path, int] = field(default_factory=dict)

    @property
    def info(self) -> dict[str, Any]:
        if self._info is None:
            self._info = json.loads((self.folder / INFO_PATH).read_text(encoding="utf-8"))
        return self._info

    @property
    def entries(self) -> list[dict[str, Any]]:
        """Rows of the table of episodes, in order."""
        if self._entries is None:
            paths = sorted(self.folder.glob("meta/episodes/*/*.parquet"))
            self._entries = [row for path in paths for row in _read_parquet(path).to_pylist()]
        return self._entries

    def check_totals(self, episodes: Sequence[Episode]) -> Iterator[str]:
        """Compares the totals of the descriptions; yields what differs."""
        frames = sum(one.row.steps for one in episodes)
        for name, expected in (("total_episodes", len(episodes)), ("total_frames", frames)):
            if self.info[name] != expected:
                yield f"{INFO_PATH} says {name} {self.info[name]}, not {expected}"
        if len(self.entries) != len(episodes):
            yield f"the table of episodes has {len(self.entries)} rows, not {len(episodes)}"
        stats = json.loads((self.folder / STATS_PATH).read_text(encoding="utf-8"))
        for name in (*self.columns.picture_keys.values(), STATE, ACTION):
            if stats[name]["count"] != [frames]:
                yield f"{STATS_PATH} counts {stats[name]['count']} of {name}, not {frames}"

    def read_episode(self, episode: Episode) -> Readback:
        """Reads an episode."""
        entry = self.entries[episode.number]
        rows = self._read_rows(entry)
        pictures, counts = self._read_pictures(entry, rows)
        return Readback(
            actions=np.array(rows.column(ACTION).to_pylist(), np.float32),
            states=np.array(rows.column(STATE).to_pylist(), np.float32),
            times=np.array(rows.column("timestamp").to_pylist()),
            dt=self.columns.origin.dt,
            pictures=pictures,
            picture_counts=counts,
            sizes=self.columns.view.cameras,
        )

    def _read_rows(self, entry: Mapping[str, Any]) -> pa.Table:
        path = self.folder / self.info["data_path"].format(
            chunk_index=entry["data/chunk_index"], file_index=entry["data/file_index"]
        )
        if self._table is None or self._table[0] != path:
            self._table = (path, _read_parquet(path))
        table = self._table[1]
        index = table.column("index")
        inside = pc.and_(
            pc.greater_equal(index, entry["dataset_from_index"]),
            pc.less(index, entry["dataset_to_index"]),
        )
        of_it = pc.equal(table.column("episode_index"), entry["episode_index"])
        return table.filter(pc.and_(inside, of_it))

    def _read_pictures(
        self, entry: Mapping[str, Any], rows: pa.Table
    ) -> tuple[dict[str, list[U8]], dict[str, int]]:
        """Returns the first and the last picture by camera, and the number of all."""
        pictures: dict[str, list[U8]] = {}
        counts: dict[str, int] = {}
        for camera, key in self.columns.picture_keys.items():
            if self.columns.films:
                pictures[camera], counts[camera] = self._read_film(entry, key)
            else:
                column = rows.column(key).to_pylist()
                pictures[camera] = [decode_picture(column[i]["bytes"]) for i in (0, -1)]
                counts[camera] = len(column)
        return pictures, counts

    def _read_film(self, entry: Mapping[str, Any], key: str) -> tuple[list[U8], int]:
        path = self.folder / self.info["video_path"].format(
            video_key=key,
            chunk_index=entry[f"videos/{key}/chunk_index"],
            file_index=entry[f"videos/{key}/file_index"],
        )
        fps = self.columns.origin.fps
        first = round(entry[f"videos/{key}/from_timestamp"] * fps)
        end = round(entry[f"videos/{key}/to_timestamp"] * fps)
        found = read_pictures(path, (first, end - 1), fps)
        if path not in self._lengths:
            self._lengths[path] = count_pictures(path)
        count = max(0, min(end, self._lengths[path]) - first)
        return [found[place] for place in (first, end - 1)], count


def _compare_drawn(
    drawn: Mapping[str, Sequence[U8]], found: Readback, columns: Columns
) -> Iterator[str]:
    """Compares decoded pictures with those that were drawn; yields what differs."""
    for camera, originals in drawn.items():
        # An episode of one frame has one picture, which is its first and its last.
        ends = (originals[0], originals[-1])
        for original, picture in zip(ends, found.pictures[camera], strict=True):
            if picture.shape != original.shape:
                continue  # said already
            difference = float(np.abs(picture.astype(float) - original).mean())
            if difference > (_PICTURE_TOLERANCE if columns.films else 0.0):
                yield f"a picture of '{camera}' differs by {difference:.0f} from the drawn one"


def _read_parquet(path: Path) -> pa.Table:
    return pq.ParquetFile(path, page_checksum_verification=True).read(use_threads=False)
