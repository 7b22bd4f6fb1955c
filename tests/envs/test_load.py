"""Scenes are loaded from a cache that may be damaged."""

from pathlib import Path

import pytest

from envs.assets.resolver import resolve_assets
from envs.libero.scene_loader import _load_scene
from tests.envs.courses import SUITE


def test_a_damaged_cache_is_built_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AEGIS_CACHE", str(tmp_path))
    pack = resolve_assets("builtin")
    arguments = (SUITE, 3, pack.path, pack.digest, "light")
    whole = _load_scene(*arguments)
    (model,) = tmp_path.glob("scenes/*.mjb")
    model.write_bytes(model.read_bytes()[:1000])
    again = _load_scene(*arguments)
    assert again.digest == whole.digest
    assert again.model.nq == whole.model.nq
