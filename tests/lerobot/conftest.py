"""Checkpoints that the tests share, made once, and policies that are built from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lerobot.tiny import shrink_paligemma, write_tiny

MakePolicy = Callable[..., Any]


class Checkpoints(dict[str, Path]):
    """Folder of a tiny checkpoint by type, made when it is first asked for.

    ``diffusion2`` looks at two ticks.
    """

    def __init__(self, place: Path) -> None:
        super().__init__()
        self._place = place

    def __missing__(self, kind: str) -> Path:
        settings = {"n_obs_steps": 2} if kind == "diffusion2" else {}
        self[kind] = write_tiny(self._place / kind, kind.rstrip("2"), **settings)
        return self[kind]


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkpoints]:
    """Tiny checkpoints of every type."""
    with pytest.MonkeyPatch.context() as patch:
        shrink_paligemma(patch)
        yield Checkpoints(tmp_path_factory.mktemp("checkpoints"))


@pytest.fixture
def make_policy(checkpoints: Checkpoints) -> MakePolicy:
    """Builds a policy from the checkpoint of a type, or a folder; pictures are LIBERO's."""
    from policies.lerobot.policy import LeRobotPolicy

    def make(kind: str | Path, **settings: Any) -> Any:
        folder = checkpoints[kind] if isinstance(kind, str) else kind
        return LeRobotPolicy("weak", str(folder), **{"mirror": True, **settings})

    return make
