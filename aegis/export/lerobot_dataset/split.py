"""Split: which episode goes into which file, so that no file grows beyond a limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FilePlace:
    """A file of a dataset.

    Attributes:
        chunk: Number of its folder.
        file: Number in the folder.
    """

    chunk: int
    file: int

    def format_path(self, template: str, **names: str) -> str:
        """Returns a path from LeRobot's template."""
        return template.format(chunk_index=self.chunk, file_index=self.file, **names)


def split_files(sizes: Sequence[int], limit: float, per_folder: int) -> tuple[FilePlace, ...]:
    """Returns the file of every episode, in order.

    A file is full when one more episode would take it to the limit; an episode that is larger
    than the limit has a file of its own.

    Args:
        sizes: Size of every episode [bytes].
        limit: Limit of a file [bytes].
        per_folder: Files in a folder.
    """
    places = []
    number, filled = 0, 0
    for size in sizes:
        if filled and filled + size >= limit:
            number, filled = number + 1, 0
        filled += size
        places.append(FilePlace(*divmod(number, per_folder)))
    return tuple(places)
