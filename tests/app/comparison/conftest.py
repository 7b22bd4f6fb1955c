"""A folder with toy policies; a comparison and a pilot are played in it once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from aegis.app.config import identity
from tests.app.comparison.toy_pair import type_pair, write_pair_configs
from tests.app.studied import CODE


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a finished comparison and a finished pilot; code does not change meanwhile."""
    place = tmp_path_factory.mktemp("pair")
    write_pair_configs(place / "configs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(identity, "compute_row_code_digests", lambda *_: CODE)
        type_pair(place, "compare", "toy_weak", "toy_strong")
        type_pair(place, "pilot")
        yield place


@pytest.fixture
def place(played: Path, tmp_path: Path) -> Path:
    """A test's own copy, to be spoilt."""
    shutil.copytree(played, tmp_path / "place")
    return tmp_path / "place"
