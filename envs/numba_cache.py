"""Where compiled functions are kept: below our cache, not beside sources that may be read-only."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numba

from aegis.host.folders import find_cache_folder, make_writable


@contextlib.contextmanager
def keep_compiled_functions() -> Iterator[None]:
    """Lets functions that are decorated meanwhile be cached in a folder that can be written to.

    numba settles the folder when it decorates, and raises if it finds none. The user's
    NUMBA_CACHE_DIR is kept unless it cannot be written to, and numba is left as it was, so that
    functions of the user's own are cached where they always were.
    """
    config: Any = numba.config
    chosen = config.CACHE_DIR
    if not (chosen and make_writable(Path(chosen))):
        config.CACHE_DIR = str(find_cache_folder() / "numba")
    try:
        yield
    finally:
        config.CACHE_DIR = chosen
