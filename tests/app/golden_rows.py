"""Golden rows: portable episodes with the digests that every x86-64-v3 machine must reach.

Record them again, ``python -m tests.app.golden_rows``, only when physics, pictures, policies or
rules are meant to change what is played.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

from aegis.records.manifest import MACHINE_KEY, read_manifest
from aegis.records.store import RunTables
from tests.app.typed import type_in

FILE = Path(__file__).with_name("golden_rows.json")
WORDS = ("units=2", "film.size=64", "env.assets=builtin", "tasks=[3,7]", "name=one")


def play_golden(place: Path) -> RunTables:
    """Plays the demo on two units in a folder."""
    type_in(place, "demo", *WORDS, "workers=1", "slots=1")
    return RunTables.read_folder(place / "runs/one")


def describe_rows(tables: RunTables) -> dict[str, list[object]]:
    """Returns arm and task to steps, outcome and digest."""
    return {
        f"{row.arm}, task {row.task}": [row.steps, row.success, row.digest]
        for row in tables.episodes
    }


def read_renderer(root: Path) -> str:
    """Returns the driver that drew a run's pictures."""
    machine = read_manifest(root)[MACHINE_KEY]
    assert isinstance(machine, Mapping)
    return str(machine["renderer"])


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        played = play_golden(Path(folder))
        golden = {"renderer": read_renderer(played.root), "rows": describe_rows(played)}
    FILE.write_text(json.dumps(golden, indent=1) + "\n")
