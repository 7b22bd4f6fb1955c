"""Files of the cache, written so that concurrent processes never see half of one."""

from __future__ import annotations

import tempfile
from pathlib import Path


def write_atomically(path: Path, content: bytes) -> None:
    """Writes a file so that a reader sees all of it or none; concurrent writers are fine.

    Raises:
        OSError: If it cannot be written; nothing is left behind then.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        scratch = Path(file.name)
        try:
            file.write(content)
            file.flush()
            scratch.replace(path)
        except OSError:
            scratch.unlink(missing_ok=True)
            raise
