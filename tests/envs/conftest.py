"""A world of ours per file, and LIBERO's own, which take seconds, once per process."""

import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import pytest

from envs.assets.resolver import ASSETS_VARIABLE, resolve_assets
from envs.libero.world import LiberoWorld
from tests.envs.courses import new_world
from tests.envs.reference import Reference


@pytest.fixture(scope="module")
def world() -> LiberoWorld:
    return new_world()


@pytest.fixture(scope="session")
def reference() -> Callable[[int, str], Reference]:
    return lru_cache(maxsize=2)(Reference)


@pytest.fixture(params=["builtin", pytest.param("official", marks=pytest.mark.slow)])
def assets(request: pytest.FixtureRequest) -> str:
    if request.param == "builtin":
        return "builtin"
    folder = os.environ.get(ASSETS_VARIABLE)
    if folder is None or not Path(folder).is_dir():
        pytest.skip(f"no official assets: {ASSETS_VARIABLE} names no folder")
    return str(resolve_assets(folder).path)
