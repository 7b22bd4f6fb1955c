"""Where compiled scenes are kept between runs."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def cache_dir() -> Path:
    """Returns the cache folder: $AEGIS_CACHE, else $XDG_CACHE_HOME/aegis, else ~/.cache/aegis."""
    if chosen := os.environ.get("AEGIS_CACHE"):
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "aegis"


def write_atomically(path: Path, content: bytes) -> None:
    """Writes a file so that a reader sees all of it or none; concurrent writers are fine."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(content)
    Path(file.name).replace(path)
