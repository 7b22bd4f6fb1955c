"""Reader of `tests/app/outsider`: files of a user, to be written into a folder of their own."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).with_name("outsider")


def read_outsider() -> dict[str, str]:
    """Returns the files by their path in the user's folder."""
    paths = [path for kind in ("my_*.py", "configs/*.yaml") for path in FOLDER.glob(kind)]
    return {path.relative_to(FOLDER).as_posix(): path.read_text() for path in sorted(paths)}
