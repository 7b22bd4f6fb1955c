"""Run store: files of each finished episode, and tables merged from them.

A file is written under another name, flushed to the disk and renamed, so a file that exists is
whole, whatever killed the run. Activations and further draws, which may be large, have files of
their own; they are written before the part, so a part that exists has them. The merged tables
hold nothing that depends on time, order or number of workers: equal experiments give equal bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from aegis.core.errors import TraceError
from aegis.core.types import EpisodeKey
from aegis.records.files import disk_error, remove_orphans, write_atomic
from aegis.records.manifest import FORMAT_KEY, check_machine, open_folder
from aegis.records.names import format_part_name
from aegis.records.rows import EpisodeRecord, EpisodeRow, parse_episode_row
from aegis.records.schemas import (
    EPISODE_SCHEMA,
    FEATURE_SCHEMA,
    SAMPLE_SCHEMA,
    STEP_SCHEMA,
    build_episode_table,
    build_feature_table,
    build_sample_table,
    build_step_table,
    parse_episode_rows,
)

FORMAT = "2"
"""Of a run folder; goes up when an identity says more or less than before."""

_ROW_KEY = b"aegis.episode"
_LARGE_KEY = b"aegis.large"
_LARGE_TABLES: Mapping[str, Callable[[EpisodeRecord], pa.Table]] = {
    "features": build_feature_table,
    "samples": build_sample_table,
}
"""Fields of an episode that have files of their own, in folders of these names."""


@dataclass(frozen=True, slots=True)
class RunTables:
    """What a run left behind.

    Attributes:
        root: The run folder.
        episodes: One row per episode, sorted by unit and arm.
    """

    root: Path
    episodes: tuple[EpisodeRow, ...]

    @classmethod
    def read_folder(cls, root: Path) -> RunTables:
        """Reads a finished run.

        Raises:
            TraceError: If it is not one.
        """
        return cls(root, parse_episode_rows(read_table(root / "episodes.parquet")))

    def read_steps(self) -> pa.Table:
        """Reads the table of steps; schema ``aegis.records.schemas.STEP_SCHEMA``."""
        return read_table(self.root / "steps.parquet")

    def read_features(self) -> pa.Table:
        """Reads the table of activations; schema ``aegis.records.schemas.FEATURE_SCHEMA``."""
        return read_table(self.root / "features.parquet")

    def read_samples(self) -> pa.Table:
        """Reads the table of further draws; schema ``aegis.records.schemas.SAMPLE_SCHEMA``.

        Raises:
            TraceError: If no policy of the run gave any.
        """
        return read_table(self.root / "samples.parquet")


class RunStore:
    """A run folder.

    Args:
        root: Where; made by ``open_run``, not here.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.parts = root / "parts"

    def open_run(self, identity: Mapping[str, str], notes: Mapping[str, str], config: str) -> None:
        """Makes the folder, or checks that it holds the same experiment.

        A folder into which no episode was played is nobody's: it becomes this experiment's.

        Args:
            identity: What results depend on; must be equal on resume.
            notes: Versions and such; the first run's are kept.
            config: Resolved configuration, for people.

        Raises:
            ConfigError: If the folder holds another experiment.
            MachineError: If it cannot be written.
        """
        known = {FORMAT_KEY: FORMAT, **identity}
        fresh = open_folder(self.root, known, notes, is_empty=not self.has_episodes())
        _make_folder(self.parts)
        for folder in (self.parts, *(self.parts / kind for kind in _LARGE_TABLES)):
            remove_orphans(folder)
        if fresh or not (self.root / "config.yaml").exists():
            write_atomic(self.root / "config.yaml", config.encode())

    def check_machine(self, machine: Mapping[str, str]) -> None:
        """Writes down the machine that plays first; see ``aegis.records.manifest``.

        Args:
            machine: What rows depend on that other machines may not share.

        Raises:
            ConfigError: If rows were played on another one.
        """
        check_machine(self.root, machine)

    def has_episodes(self) -> bool:
        """Says whether an episode was played into the folder; one that is damaged counts, too."""
        if any(self.parts.glob("*.parquet")):
            return True
        merged = self.root / "episodes.parquet"
        try:
            return merged.exists() and _read_parquet(merged).num_rows > 0
        except (OSError, pa.ArrowException):
            return True

    def locate_part(self, key: EpisodeKey, arm: str) -> Path:
        """Returns where an episode's part lies."""
        return self.parts / format_part_name(key, arm)

    def write_episode(self, episode: EpisodeRecord) -> None:
        """Writes a finished episode.

        Raises:
            MachineError: If the disk is full or cannot be written.
        """
        row = episode.row
        large: dict[str, str] = {}
        for kind, build in _LARGE_TABLES.items():
            if getattr(episode, kind):
                data = _encode_parquet(build(episode)).to_pybytes()
                path = self._locate_large(kind, row.key, row.arm)
                _make_folder(path.parent)
                write_atomic(path, data)
                large[kind] = _hash_bytes(data)
        metadata = {
            _ROW_KEY: json.dumps(asdict(row), sort_keys=True).encode(),
            _LARGE_KEY: json.dumps(large, sort_keys=True).encode(),
        }
        table = build_step_table(episode).replace_schema_metadata(metadata)
        # Last: it vouches for the large files by their digests, so the episode counts once all are
        # there.
        write_atomic(self.locate_part(row.key, row.arm), _encode_parquet(table).to_pybytes())

    def copy_episode(self, source: RunStore, key: EpisodeKey, arm: str) -> None:
        """Copies a finished episode of another folder, its large files first.

        Raises:
            MachineError: If the disk is full or cannot be written.
        """
        for kind in _LARGE_TABLES:
            if (path := source._locate_large(kind, key, arm)).exists():
                copy = self._locate_large(kind, key, arm)
                _make_folder(copy.parent)
                write_atomic(copy, path.read_bytes())
        write_atomic(self.locate_part(key, arm), source.locate_part(key, arm).read_bytes())

    def _locate_large(self, kind: str, key: EpisodeKey, arm: str) -> Path:
        return self.parts / kind / format_part_name(key, arm)

    def _has_large(self, digests: Mapping[str, str], key: EpisodeKey, arm: str) -> bool:
        """Says whether the large files of a part are those that were written with it."""
        return all(
            _hash_bytes(self._locate_large(kind, key, arm).read_bytes()) == digest
            for kind, digest in digests.items()
        )

    def read_episode_row(self, key: EpisodeKey, arm: str) -> EpisodeRow | None:
        """Returns a finished episode's row; None if it is missing or damaged."""
        path = self.locate_part(key, arm)
        if not path.exists():
            return None
        try:
            table = _read_parquet(path)
            row = parse_episode_row(json.loads(table.schema.metadata[_ROW_KEY]))
            has_large = self._has_large(json.loads(table.schema.metadata[_LARGE_KEY]), key, arm)
        except (OSError, pa.ArrowException, ValueError, KeyError, TypeError):
            return None
        whole = row.key == key and row.arm == arm and row.steps == table.num_rows
        return row if whole and has_large else None

    def read_episode_steps(self, key: EpisodeKey, arm: str, columns: Sequence[str]) -> pa.Table:
        """Reads some columns of a finished episode's steps."""
        return _read_parquet(self.locate_part(key, arm), columns)

    def merge_parts(self, done: Iterable[tuple[EpisodeKey, str]]) -> RunTables:
        """Merges parts into the tables of the run.

        Args:
            done: The finished episodes, in any order.
        """
        # A fixed order: the tables must not tell which worker was the quickest.
        order = sorted(done, key=lambda job: (job[0].task, job[0].start, job[0].index, job[1]))
        steps, rows = [], []
        features: list[pa.Table] = []
        samples: list[pa.Table] = []
        for key, arm in order:
            table = _read_parquet(self.locate_part(key, arm))
            rows.append(parse_episode_row(json.loads(table.schema.metadata[_ROW_KEY])))
            large = json.loads(table.schema.metadata[_LARGE_KEY])
            for kind, found in (("features", features), ("samples", samples)):
                if kind in large:
                    found.append(_read_parquet(self._locate_large(kind, key, arm)))
            steps.append(table.replace_schema_metadata())
        self._write_table("episodes", [build_episode_table(rows)], EPISODE_SCHEMA)
        self._write_table("steps", steps, STEP_SCHEMA)
        self._write_table("features", features, FEATURE_SCHEMA)
        if samples:
            self._write_table("samples", samples, SAMPLE_SCHEMA)
        return RunTables(self.root, tuple(rows))

    def _write_table(self, name: str, tables: Sequence[pa.Table], schema: pa.Schema) -> None:
        whole = pa.concat_tables([schema.empty_table(), *tables]).combine_chunks()
        write_atomic(self.root / f"{name}.parquet", _encode_parquet(whole))

    def append_timing(self, **facts: object) -> None:
        """Appends a line to ``timing.jsonl``, the one place for wall times."""
        path = self.root / "timing.jsonl"
        try:
            with path.open("a") as file:
                file.write(json.dumps(facts) + "\n")
        except OSError as error:
            raise disk_error(path, error) from error


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(exist_ok=True)
    except OSError as error:
        raise disk_error(path, error) from error


def read_table(path: Path) -> pa.Table:
    """Reads a table.

    Raises:
        TraceError: If it is missing or damaged.
    """
    try:
        return _read_parquet(path)
    except (OSError, pa.ArrowException) as error:
        raise TraceError(
            f"{path} is missing or damaged ({error}). If the run was never played, or not "
            "to its end, the same command plays it on; of a finished run, fetch the table again."
        ) from error


def _read_parquet(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    picked = None if columns is None else list(columns)
    return pq.ParquetFile(path, page_checksum_verification=True).read(picked, use_threads=False)


def _hash_bytes(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def _encode_parquet(table: pa.Table) -> pa.Buffer:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", write_page_checksum=True)
    return sink.getvalue()
