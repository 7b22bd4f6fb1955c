"""Pieces: what is kept of an episode until all of them are joined into a dataset.

A piece is a table of frames, for films one film per camera, and facts that statistics and checks
need. The facts are written last and vouch for the other files by their digests.
"""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from aegis.core.types import U8
from aegis.export.episode import Episode, ExportFrame, decode_picture
from aegis.export.lerobot_dataset.columns import STATE, Columns
from aegis.export.lerobot_dataset.films import FilmQuality, FilmWriter
from aegis.export.lerobot_dataset.statistics import PictureHistogram
from aegis.records.files import disk_error, write_atomic
from aegis.study.plan.digests import compute_file_digest


@dataclass(frozen=True, slots=True)
class PieceFolder:
    """The pieces of a dataset that is not complete yet.

    Attributes:
        root: Folder of the pieces.
    """

    root: Path

    def locate_facts(self, number: int) -> Path:
        """Returns where the facts of an episode lie."""
        return self.root / f"{number:06d}.json"

    def locate_table(self, number: int) -> Path:
        """Returns where the table of an episode lies."""
        return self.root / f"{number:06d}.parquet"

    def locate_film(self, number: int, camera: str) -> Path:
        """Returns where the film of an episode and camera lies."""
        return self.root / f"{number:06d}-{camera}.mp4"

    def has_piece(self, number: int) -> bool:
        """Says whether the piece of an episode is there and whole."""
        try:
            digests = self._read_facts(number)["digests"]
            return all(
                compute_file_digest(self.root / name) == one for name, one in digests.items()
            )
        except (OSError, ValueError, KeyError):
            return False

    def read_table(self, number: int) -> pa.Table:
        """Reads the frames of an episode."""
        file = pq.ParquetFile(self.locate_table(number), page_checksum_verification=True)
        return file.read(use_threads=False)

    def read_piece(self, number: int) -> Piece:
        """Reads the piece of an episode."""
        table, facts = self.read_table(number), self._read_facts(number)
        return Piece(
            table=table,
            histograms={
                camera: PictureHistogram(table.num_rows, np.array(counts, np.int64))
                for camera, counts in facts["histograms"].items()
            },
            ends={
                camera: tuple(decode_picture(base64.b64decode(text)) for text in texts)
                for camera, texts in facts["ends"].items()
            },
        )

    def _read_facts(self, number: int) -> dict[str, Any]:
        facts = json.loads(self.locate_facts(number).read_text(encoding="utf-8"))
        assert isinstance(facts, dict)
        return facts

    def remove_folder(self) -> None:
        """Removes all pieces."""
        shutil.rmtree(self.root, ignore_errors=True)


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """The piece of an episode.

    Attributes:
        table: Its frames.
        histograms: Camera to the histogram of its pictures.
        ends: Camera to its first and last picture, as they were before they were encoded.
    """

    table: pa.Table
    histograms: Mapping[str, PictureHistogram]
    ends: Mapping[str, tuple[U8, ...]]


class PieceWriter:
    """Writes the piece of one episode.

    Args:
        folder: Where to.
        columns: The columns of the dataset.
        quality: How films are encoded.
        episode: The episode.
    """

    def __init__(
        self, folder: PieceFolder, columns: Columns, quality: FilmQuality, episode: Episode
    ) -> None:
        self._folder, self._columns, self._episode = folder, columns, episode
        self._rows: list[dict[str, Any]] = []
        cameras = columns.view.cameras
        filmed = cameras if columns.films else {}
        self._films = {name: FilmWriter(columns.origin.fps, quality) for name in filmed}
        self._histograms = {name: PictureHistogram() for name in cameras}
        self._ends: dict[str, list[str]] = {name: [] for name in cameras}

    def add_frame(self, frame: ExportFrame) -> None:
        """Takes the next frame."""
        self._rows.append(self._columns.build_row(self._episode, frame))
        for camera, picture in frame.images.items():
            self._histograms[camera].add_picture(picture)
            if camera in self._films:
                self._films[camera].add_picture(picture)
            if frame.k == 0 or frame.done:
                text = base64.b64encode(frame.encode_picture(camera)).decode()
                self._ends[camera].append(text)

    def end_episode(self) -> None:
        """Writes films and table, and then the facts that vouch for them."""
        number, folder = self._episode.number, self._folder
        try:
            folder.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise disk_error(folder.root, error) from error
        schema = self._columns.build_schema(len(self._rows[0][STATE]))
        table = encode_table(pa.Table.from_pylist(self._rows, schema=schema))
        contents = {folder.locate_table(number): table}
        contents |= {
            folder.locate_film(number, camera): film.finish_film()
            for camera, film in self._films.items()
        }
        for path, content in contents.items():
            write_atomic(path, content)
        facts = {
            "digests": {path.name: compute_file_digest(path) for path in contents},
            "histograms": {name: one.counts.tolist() for name, one in self._histograms.items()},
            "ends": self._ends,
        }
        write_atomic(folder.locate_facts(number), json.dumps(facts).encode())


def encode_table(table: pa.Table) -> bytes:
    """Returns a table as Parquet, with checksums."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="snappy", write_page_checksum=True)
    data: bytes = sink.getvalue().to_pybytes()
    return data
