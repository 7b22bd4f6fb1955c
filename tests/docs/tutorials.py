"""Tutorials as programs: the files that a page shows, and what it runs, in order."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
TUTORIALS = REPOSITORY / "docs" / "tutorials"
GUIDES = REPOSITORY / "docs" / "how-to"
_FRONT = re.compile(r"\A---\n(.*?)\n---\n", re.DOTALL)
_BLOCK = re.compile(r"^```(\w+)(?: title=\"([^\"]+)\")?\n(.*?)^```", re.MULTILINE | re.DOTALL)
RUN = ("bash", "python")


@dataclass(frozen=True)
class Block:
    """A block of code: a file if it has a title, else something to run if its language is."""

    language: str
    title: str
    text: str


@dataclass(frozen=True)
class Tutorial:
    """A page: whether it is quick or slow, the pages whose files it needs, its blocks."""

    name: str
    speed: str
    needs: tuple[str, ...]
    blocks: tuple[Block, ...]


def read_tutorial(name: str, folder: Path = TUTORIALS) -> Tutorial:
    text = (folder / f"{name}.md").read_text(encoding="utf-8")
    front = _FRONT.match(text)
    lines = dict(line.split(": ", 1) for line in front[1].splitlines()) if front else {}
    needs = tuple(re.findall(r"[\w-]+", lines.get("needs", "")))
    blocks = tuple(Block(*found) for found in _BLOCK.findall(text))
    return Tutorial(name, lines.get("test", ""), needs, blocks)


def write_files(tutorial: Tutorial, place: Path) -> None:
    """Writes the files of a page, after those of the pages that it goes on from."""
    for need in tutorial.needs:
        write_files(read_tutorial(need), place)
    for block in tutorial.blocks:
        if block.title:
            path = place / block.title
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")


def run_block(block: Block, place: Path) -> subprocess.CompletedProcess[str]:
    """Runs a block as a reader would who has typed it in this folder, with `aegis` on the path."""
    words = (
        ["bash", "-euo", "pipefail", "-c"] if block.language == "bash" else [sys.executable, "-c"]
    )
    return subprocess.run(
        [*words, block.text],
        cwd=place,
        env={**os.environ, "PATH": f"{write_command(place)}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )


def write_command(place: Path) -> Path:
    """Returns a folder with a command `aegis` that runs this working tree."""
    folder = place / "bin"
    folder.mkdir(exist_ok=True)
    command = folder / "aegis"
    command.write_text(
        f"#!{sys.executable}\n"
        f"import sys\nsys.path.insert(1, {str(REPOSITORY)!r})\n"
        "from aegis.app.main import main\n"
        'if __name__ == "__main__":\n    sys.exit(main())\n',
        encoding="utf-8",
    )
    command.chmod(0o755)
    return folder


def find_tutorials(speed: str) -> Iterator[str]:
    for path in sorted(TUTORIALS.glob("*.md")):
        if read_tutorial(path.stem).speed == speed:
            yield path.stem
