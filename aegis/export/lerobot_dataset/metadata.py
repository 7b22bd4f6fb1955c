"""Metadata of a dataset: ``info.json``, ``stats.json``, and the tables of tasks and episodes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aegis.export.episode import Episode
from aegis.export.lerobot_dataset.columns import Columns
from aegis.export.lerobot_dataset.pieces import Piece
from aegis.export.lerobot_dataset.split import FilePlace
from aegis.export.lerobot_dataset.statistics import (
    PictureHistogram,
    Statistics,
    describe_numbers,
)

VERSION = "v3.0"
INFO_PATH, STATS_PATH, TASKS_PATH = "meta/info.json", "meta/stats.json", "meta/tasks.parquet"
_FILE = "chunk-{chunk_index:03d}/file-{file_index:03d}"
EPISODES_PATH = f"meta/episodes/{_FILE}.parquet"
DATA_PATH = f"data/{_FILE}.parquet"
VIDEO_PATH = f"videos/{{video_key}}/{_FILE}.mp4"


@dataclass(frozen=True, slots=True)
class SizeLimits:
    """When a new file is begun.

    Attributes:
        data: Limit of a table's file [MiB].
        video: Limit of a film [MiB].
        files: Files in a folder.
    """

    data: int
    video: int
    files: int


@dataclass(frozen=True, slots=True, eq=False)
class EpisodeEntry:
    """An episode in the dataset.

    Attributes:
        episode: The episode.
        statistics: Column to its statistics in this episode.
        data: File of its rows.
        films: Key of pictures to the file of its film, and the pictures in it before the episode's.
        fps: Frames per second.
    """

    episode: Episode
    statistics: Mapping[str, Statistics]
    data: FilePlace
    films: Mapping[str, tuple[FilePlace, int]]
    fps: int

    def build_row(self, place: FilePlace) -> dict[str, Any]:
        """Returns its row of the table of episodes.

        Args:
            place: File of that table.
        """
        episode, row = self.episode, self.episode.row
        entry: dict[str, Any] = {
            "episode_index": episode.number,
            "tasks": [row.instruction],
            "length": row.steps,
            "data/chunk_index": self.data.chunk,
            "data/file_index": self.data.file,
            "dataset_from_index": episode.first_index,
            "dataset_to_index": episode.first_index + row.steps,
        }
        for key, (film, before) in self.films.items():
            entry[f"videos/{key}/chunk_index"] = film.chunk
            entry[f"videos/{key}/file_index"] = film.file
            entry[f"videos/{key}/from_timestamp"] = before / self.fps
            entry[f"videos/{key}/to_timestamp"] = (before + row.steps) / self.fps
        for name, found in self.statistics.items():
            entry |= {f"stats/{name}/{one}": value.tolist() for one, value in found.items()}
        return entry | {
            "meta/episodes/chunk_index": place.chunk,
            "meta/episodes/file_index": place.file,
            "aegis.unit": str(row.key),
            "aegis.arm": row.arm,
            "aegis.success": row.success,
            "aegis.digest": row.digest,
        }


def describe_episode(piece: Piece, columns: Columns) -> dict[str, Statistics]:
    """Returns the statistics of an episode by column; those of which nothing is known lack."""
    gathering = StatisticsGathering(columns)
    gathering.add_piece(piece)
    return gathering.describe_columns()


@dataclass(slots=True, eq=False)
class StatisticsGathering:
    """Gathers the numbers and histograms of episodes, for the statistics of all together.

    Attributes:
        columns: The columns of the dataset.
    """

    columns: Columns
    _numbers: dict[str, list[np.ndarray]] = field(default_factory=dict)
    _histograms: dict[str, PictureHistogram] = field(default_factory=dict)

    def add_piece(self, piece: Piece) -> None:
        """Adds an episode."""
        pictures = self.columns.picture_keys
        for name in piece.table.column_names:
            if name not in pictures.values():
                values = _read_numbers(piece.table.column(name))
                self._numbers.setdefault(name, []).append(values)
        for camera, histogram in piece.histograms.items():
            before = self._histograms.get(pictures[camera], PictureHistogram())
            self._histograms[pictures[camera]] = before + histogram

    def describe_columns(self) -> dict[str, Statistics]:
        """Returns the statistics by column; columns of which nothing is known lack."""
        numbers = {
            name: describe_numbers(np.concatenate(parts)) for name, parts in self._numbers.items()
        }
        pictures = {name: one.describe_pictures() for name, one in self._histograms.items()}
        return {name: found for name, found in {**pictures, **numbers}.items() if found is not None}


def build_episode_table(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Returns the table of episodes; a statistic that an episode does not have is null there."""
    names = dict.fromkeys(name for row in rows for name in row)
    return pa.table({name: [row.get(name) for row in rows] for name in names})


def build_task_table(episodes: Sequence[Episode]) -> pa.Table:
    """Returns the table of tasks, whose index in pandas is the instruction."""
    tasks = {one.task_number: one.row.instruction for one in episodes}
    numbers = sorted(tasks)
    table = pa.table(
        {
            "task_index": pa.array(numbers, pa.int64()),
            "task": pa.array([tasks[number] for number in numbers], pa.string()),
        }
    )
    described = [("task_index", "int64", "int64"), ("task", "unicode", "object")]
    notes = {
        "index_columns": ["task"],
        "column_indexes": [],
        "columns": [
            {"name": name, "field_name": name, "pandas_type": a, "numpy_type": b, "metadata": None}
            for name, a, b in described
        ],
        "creator": {"library": "pyarrow", "version": pa.__version__},
        "pandas_version": "2.2.0",
    }
    return table.replace_schema_metadata({b"pandas": json.dumps(notes).encode()})


def build_info(
    columns: Columns, states: int, episodes: Sequence[Episode], limits: SizeLimits
) -> dict[str, Any]:
    """Returns the content of ``info.json``.

    Args:
        columns: The columns of the dataset.
        states: Numbers of the proprioception.
        episodes: The episodes, in order.
        limits: When a new file was begun.
    """
    return {
        "codebase_version": VERSION,
        "robot_type": columns.origin.robot,
        "fps": columns.origin.fps,
        "total_episodes": len(episodes),
        "total_frames": sum(one.row.steps for one in episodes),
        "total_tasks": len({one.task_number for one in episodes}),
        "chunks_size": limits.files,
        "data_files_size_in_mb": limits.data,
        "video_files_size_in_mb": limits.video,
        "splits": {"train": f"0:{len(episodes)}"},
        "data_path": DATA_PATH,
        "video_path": VIDEO_PATH if columns.films and columns.view.cameras else None,
        "features": columns.describe_features(states),
    }


def encode_json(value: object) -> bytes:
    """Returns a value as JSON text, which knows neither NaN nor infinity."""
    return (json.dumps(value, indent=4, allow_nan=False) + "\n").encode()


def _read_numbers(column: pa.ChunkedArray) -> np.ndarray:
    """Returns a column as floats. Shape (n,) or (n, d)."""
    kind = column.type
    if pa.types.is_fixed_size_list(kind):
        flat = pc.list_flatten(column).to_numpy(zero_copy_only=False)
        return np.asarray(flat, np.float64).reshape(len(column), kind.list_size)
    return np.asarray(column.to_numpy(zero_copy_only=False), np.float64)
