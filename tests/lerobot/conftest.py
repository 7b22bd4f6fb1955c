"""Checkpoints that the tests share, made once, and policies that are built from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lerobot.tiny import KINDS, shrink_paligemma, write_tiny

MakePolicy = Callable[..., Any]


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """Folder of a tiny checkpoint by type; ``diffusion2`` looks at two ticks."""
    place = tmp_path_factory.mktemp("checkpoints")
    with pytest.MonkeyPatch.context() as patch:
        shrink_paligemma(patch)
        made = {kind: write_tiny(place / kind, kind) for kind in KINDS}
        made["diffusion2"] = write_tiny(place / "diffusion2", "diffusion", n_obs_steps=2)
        yield made


@pytest.fixture
def make_policy(checkpoints: dict[str, Path]) -> MakePolicy:
    """Builds a policy from the checkpoint of a type, or from a folder."""
    from policies.lerobot.policy import LeRobotPolicy

    def make(kind: str | Path, **settings: Any) -> Any:
        folder = checkpoints[kind] if isinstance(kind, str) else kind
        return LeRobotPolicy("weak", str(folder), **settings)

    return make
