"""Formats: what a writer of an export looks like.

An episode is written by whichever process plays it again, all episodes together by the process
that leads the export. What is finished of an episode is on the disk, whole, and is not drawn again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

from aegis.export.episode import Episode, ExportFrame
from aegis.study.verification import CheckResult


class EpisodeWriter(Protocol):
    """Writes one episode; nothing of it is to be seen before it ended."""

    def add_frame(self, frame: ExportFrame) -> None:
        """Takes the next frame."""
        ...

    def end_episode(self) -> None:
        """Writes what belongs to this episode alone, whole or not at all.

        Raises:
            MachineError: If the disk refuses it.
        """
        ...


class ExportFormat(Protocol):
    """Writes the episodes of an export in one format. It must pickle.

    Attributes:
        name: Name of the format, and of its folder.
        folder: Where its files go.
    """

    @property
    def name(self) -> str:
        """Name of the format."""
        ...

    @property
    def folder(self) -> Path:
        """Folder of its files."""
        ...

    def has_episode(self, episode: Episode) -> bool:
        """Says whether an episode was written before and is whole."""
        ...

    def begin_episode(self, episode: Episode) -> EpisodeWriter:
        """Begins an episode."""
        ...

    def join_episodes(self, episodes: Sequence[Episode]) -> None:
        """Writes what belongs to all episodes together.

        Raises:
            MachineError: If the disk refuses it.
        """
        ...

    def compare_files(self, root: Path, episodes: Sequence[Episode]) -> Iterable[CheckResult]:
        """Reads the files back and compares them with the run.

        Args:
            root: Run folder.
            episodes: The episodes of the export, in order.
        """
        ...

    def remove_pieces(self) -> None:
        """Removes what only an unfinished export needs."""
        ...
