"""Commands typed in a folder, through the front door, and what they answer."""

from __future__ import annotations

import contextlib
import io
import json
import os
from pathlib import Path
from typing import Any

from aegis.app.main import main


def type_in(place: Path, *words: str, code: int | None = 0) -> dict[str, Any]:
    """Types a command in a folder; returns its JSON, with what it said under ``said``.

    With code None it may end as it likes.
    """
    before, out, err = Path.cwd(), io.StringIO(), io.StringIO()
    os.chdir(place)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            got = main([*words, "--json"])
    finally:
        os.chdir(before)
    assert code in (None, got), err.getvalue()
    answer = json.loads(out.getvalue())
    assert isinstance(answer, dict)
    return answer | {"said": err.getvalue()}
