"""Episode files: what formats share that write one file per episode, whole or not at all."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from aegis.export.episode import Episode, ExportView, Origin
from aegis.export.formats import EpisodeWriter
from aegis.export.readback import Readback, compare_episode
from aegis.study.verification import CheckResult


@dataclass(frozen=True, slots=True)
class EpisodeFiles(ABC):
    """Writes ``episode-NNNNNN.SUFFIX``; see ``aegis.export.formats.ExportFormat``.

    Attributes:
        folder: Where to.
        origin: What all episodes share.
        view: How pictures are taken.
    """

    folder: Path
    origin: Origin
    view: ExportView

    name: ClassVar[str]
    suffix: ClassVar[str]

    @abstractmethod
    def begin_episode(self, episode: Episode) -> EpisodeWriter:
        """Begins an episode."""

    @abstractmethod
    def read_file(self, path: Path) -> Readback:
        """Reads a file back. Whatever a reader of damaged bytes raises means that it is damaged."""

    def locate_file(self, episode: Episode) -> Path:
        """Returns the path of an episode's file."""
        return self.folder / f"episode-{episode.number:06d}.{self.suffix}"

    def has_episode(self, episode: Episode) -> bool:
        """Says whether an episode's file is there; it is only ever there whole."""
        return self.locate_file(episode).exists()

    def join_episodes(self, episodes: Sequence[Episode]) -> None:  # noqa: B027
        """Writes nothing: every episode has its own file."""

    def compare_files(self, root: Path, episodes: Sequence[Episode]) -> Iterable[CheckResult]:
        """Reads all files back and compares them with the run."""
        faults: list[str] = []
        frames = 0
        for episode in episodes:
            path = self.locate_file(episode)
            try:
                found = self.read_file(path)
            except MemoryError:
                raise  # That is no damage.
            except Exception as error:
                faults.append(f"{path.name} is missing or damaged ({error})")
                continue
            frames += found.frames
            faults += [f"{path.name}: {one}" for one in compare_episode(root, episode.row, found)]
        yield CheckResult.from_faults(self.name, frames, faults, "frames equal to the run's")

    def remove_pieces(self) -> None:  # noqa: B027
        """Removes nothing: every file belongs to the finished export."""
