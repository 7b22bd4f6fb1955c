"""Dataset: joins the pieces of all episodes into a LeRobot dataset of version 3."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from aegis.export.episode import Episode
from aegis.export.lerobot_dataset.columns import STATE, Columns
from aegis.export.lerobot_dataset.films import FilmQuality, join_films
from aegis.export.lerobot_dataset.metadata import (
    DATA_PATH,
    EPISODES_PATH,
    INFO_PATH,
    STATS_PATH,
    TASKS_PATH,
    VIDEO_PATH,
    EpisodeEntry,
    SizeLimits,
    StatisticsGathering,
    build_episode_table,
    build_info,
    build_task_table,
    describe_episode,
    encode_json,
)
from aegis.export.lerobot_dataset.pieces import PieceFolder, PieceWriter, encode_table
from aegis.export.lerobot_dataset.reading import check_dataset
from aegis.export.lerobot_dataset.split import FilePlace, split_files
from aegis.records.files import disk_error, write_atomic
from aegis.study.verification import CheckResult

_MEBIBYTE = 1024**2
_ENTRY_SIZE = 16 * 1024
"""What one episode takes in the table of episodes, at most [bytes]."""


@dataclass(frozen=True, slots=True)
class LeRobotDataset:
    """Writes a LeRobot dataset; see ``aegis.export.formats.ExportFormat``.

    Attributes:
        folder: Where to.
        columns: Its columns.
        limits: When a new file is begun.
        quality: How films are encoded.
    """

    folder: Path
    columns: Columns
    limits: SizeLimits
    quality: FilmQuality
    name: str = "lerobot"

    @property
    def pieces(self) -> PieceFolder:
        """Where episodes lie until all are there."""
        return PieceFolder(self.folder / ".pieces")

    def has_episode(self, episode: Episode) -> bool:
        """Says whether the piece of an episode is there and whole."""
        return self.pieces.has_piece(episode.number)

    def begin_episode(self, episode: Episode) -> PieceWriter:
        """Begins an episode."""
        return PieceWriter(self.pieces, self.columns, self.quality, episode)

    def join_episodes(self, episodes: Sequence[Episode]) -> None:
        """Joins the pieces; what was joined before is written again, to the same bytes."""
        entries = self._describe_entries(episodes, self._write_data(episodes))
        for place, group in groupby(self._place_entries(entries), lambda pair: pair[0]):
            rows = [entry.build_row(place) for _, entry in group]
            self._write(place.format_path(EPISODES_PATH), encode_table(build_episode_table(rows)))
        self._write(TASKS_PATH, encode_table(build_task_table(episodes)))
        gathering = StatisticsGathering(self.columns)
        for episode in episodes:
            gathering.add_piece(self.pieces.read_piece(episode.number))
        found = gathering.describe_columns()
        plain = {
            column: {name: value.tolist() for name, value in one.items()}
            for column, one in found.items()
        }
        self._write(STATS_PATH, encode_json(plain))
        states = len(found[STATE]["mean"])
        self._write(INFO_PATH, encode_json(build_info(self.columns, states, episodes, self.limits)))

    def compare_files(self, root: Path, episodes: Sequence[Episode]) -> Iterable[CheckResult]:
        """Reads the dataset back and compares it with the run."""
        return check_dataset(self.folder, root, self.columns, self.pieces, episodes)

    def remove_pieces(self) -> None:
        """Removes the pieces."""
        self.pieces.remove_folder()

    def _write_data(self, episodes: Sequence[Episode]) -> list[FilePlace]:
        """Writes the tables of frames, one row group per episode; returns the file of each."""
        tables = [self.pieces.locate_table(one.number) for one in episodes]
        places = split_files(
            [path.stat().st_size for path in tables],
            self.limits.data * _MEBIBYTE,
            self.limits.files,
        )
        pairs = zip(places, episodes, strict=True)
        for place, group in groupby(pairs, lambda pair: pair[0]):
            sink = pa.BufferOutputStream()
            writer: pq.ParquetWriter | None = None
            for _, episode in group:
                table = self.pieces.read_table(episode.number)
                if writer is None:
                    writer = pq.ParquetWriter(
                        sink, table.schema, compression="snappy", write_page_checksum=True
                    )
                writer.write_table(table)
            assert writer is not None, "a group has members"
            writer.close()
            self._write(place.format_path(DATA_PATH), sink.getvalue().to_pybytes())
        return list(places)

    def _write_films(self, camera: str, episodes: Sequence[Episode]) -> list[tuple[FilePlace, int]]:
        """Joins the films of a camera.

        Returns:
            File of each episode's film, and the pictures before it in that file.
        """
        films = [self.pieces.locate_film(one.number, camera) for one in episodes]
        places = split_files(
            [path.stat().st_size for path in films],
            self.limits.video * _MEBIBYTE,
            self.limits.files,
        )
        found: list[tuple[FilePlace, int]] = []
        triples = zip(places, films, episodes, strict=True)
        for place, group in groupby(triples, lambda triple: triple[0]):
            members = list(group)
            lengths = [episode.row.steps for *_, episode in members]
            paths = [path for _, path, _ in members]
            key = self.columns.picture_keys[camera]
            path = self._make_place(place.format_path(VIDEO_PATH, video_key=key))
            join_films(path, paths, lengths, self.columns.origin.fps)
            found += [(place, sum(lengths[:i])) for i in range(len(lengths))]
        return found

    def _describe_entries(
        self, episodes: Sequence[Episode], data: Sequence[FilePlace]
    ) -> list[EpisodeEntry]:
        cameras = self.columns.view.cameras if self.columns.films else {}
        films = {camera: self._write_films(camera, episodes) for camera in cameras}
        keys = self.columns.picture_keys
        return [
            EpisodeEntry(
                episode=episode,
                statistics=describe_episode(self.pieces.read_piece(episode.number), self.columns),
                data=data[i],
                films={keys[camera]: places[i] for camera, places in films.items()},
                fps=self.columns.origin.fps,
            )
            for i, episode in enumerate(episodes)
        ]

    def _place_entries(
        self, entries: Sequence[EpisodeEntry]
    ) -> Iterator[tuple[FilePlace, EpisodeEntry]]:
        limit = self.limits.data * _MEBIBYTE
        places = split_files([_ENTRY_SIZE] * len(entries), limit, self.limits.files)
        return zip(places, entries, strict=True)

    def _write(self, name: str, data: bytes) -> None:
        write_atomic(self._make_place(name), data)

    def _make_place(self, name: str) -> Path:
        """Returns the path of a file, in a folder that is there."""
        path = self.folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise disk_error(path, error) from error
        return path
