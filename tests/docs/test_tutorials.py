"""The code of every tutorial runs as it stands, in a folder of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.tutorials import (
    GUIDES,
    REPOSITORY,
    RUN,
    TUTORIALS,
    Tutorial,
    find_tutorials,
    read_tutorial,
    run_block,
    write_files,
)


def run_page(tutorial: Tutorial, place: Path) -> None:
    write_files(tutorial, place)
    ran = [block for block in tutorial.blocks if block.language in RUN and not block.title]
    assert ran, f"{tutorial.name} runs nothing"
    for block in ran:
        done = run_block(block, place)
        assert done.returncode == 0, f"{block.text}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("name", find_tutorials("quick"))
def test_a_quick_tutorial_runs_as_it_stands(name: str, tmp_path: Path) -> None:
    run_page(read_tutorial(name), tmp_path)


@pytest.mark.slow
def test_the_guide_to_replayed_actions_runs_as_it_stands(tmp_path: Path) -> None:
    run_page(read_tutorial("replay-actions", GUIDES), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", find_tutorials("slow"))
def test_a_slow_tutorial_runs_as_it_stands(name: str, tmp_path: Path) -> None:
    for folder in ("configs", "policies"):  # The page says to stay in the repository's folder.
        (tmp_path / folder).symlink_to(REPOSITORY / folder)
    run_page(read_tutorial(name), tmp_path)


def test_every_tutorial_is_quick_or_slow() -> None:
    marked = {*find_tutorials("quick"), *find_tutorials("slow")}
    assert marked == {path.stem for path in TUTORIALS.glob("*.md")} - {"index"}
