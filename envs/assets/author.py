"""Writes the builtin asset pack: ``python -m envs.assets.author [folder]``."""

from __future__ import annotations

import sys
from pathlib import Path

from envs.assets import arena, fixtures, objects

PACK = Path(__file__).parent / "pack"


def author_pack() -> dict[str, bytes]:
    """All files of the pack that this project draws, by path inside the pack."""
    files: dict[str, bytes] = {}
    makers = (
        objects.author_bowl,
        objects.author_plate,
        objects.author_ramekin,
        objects.author_cookie_box,
        fixtures.author_cabinet,
        fixtures.author_stove,
        arena.author_arena,
    )
    for maker in makers:
        files.update(maker())
    return files


def write_pack(folder: Path) -> int:
    """Writes the pack's files. Returns how many."""
    files = author_pack()
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return len(files)


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else PACK
    print(f"{write_pack(target)} files written to {target}")
