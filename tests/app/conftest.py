"""A finished study on the toy world, played once whoever asks, and copies of it."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from aegis.app.config import identity
from aegis.app.study import prepared_study as stand
from tests.app.studied import CODE, FEW
from tests.app.toy import write_configs
from tests.app.typed import type_in


def freeze(patch: pytest.MonkeyPatch) -> None:
    """Code does not change while tests look."""
    patch.setattr(stand, "compute_code_digests", lambda *_: CODE)
    patch.setattr(identity, "compute_row_code_digests", lambda *_: CODE)


def play(place: Path) -> None:
    place.mkdir()
    write_configs(place / "configs")
    with pytest.MonkeyPatch.context() as patch:
        freeze(patch)
        for words in (("collect",), ("fit",), ("study", "lock", *FEW), ("study", "run", "study")):
            type_in(place, *words)
        type_in(place, "study", "report", "study")


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a probe and a finished study: one worker plays it, the others wait for it."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent  # That of the whole run, in which each worker has its own.
    place, part = shared / "played", shared / "played.part"
    with (shared / "played.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not place.exists():
            shutil.rmtree(part, ignore_errors=True)
            play(part)
            part.rename(place)
    return place


@pytest.fixture(scope="module")
def made(played: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """This file's own copy, to be looked at."""
    place = tmp_path_factory.mktemp("verbs") / "place"
    shutil.copytree(played, place)
    with pytest.MonkeyPatch.context() as patch:
        freeze(patch)
        yield place


@pytest.fixture
def place(made: Path, tmp_path: Path) -> Path:
    """A test's own copy, to be spoilt."""
    shutil.copytree(made, tmp_path / "place")
    return tmp_path / "place"
