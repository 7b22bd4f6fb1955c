"""LIBERO on our assets, in lerobot-eval: its own command, a tiny policy, a few steps."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from aegis.core.errors import AssetError
from aegis.study.imported.reading import read_results
from tests.lerobot.commands import type_lerobot

pytestmark = [pytest.mark.lerobot, pytest.mark.slow]


def evaluate(place: Path, policy: Path, *flags: str) -> Path:
    """Runs lerobot-eval for a few steps; returns the folder that it wrote."""
    out = place / "out"
    type_lerobot(
        place,
        "lerobot-eval",
        f"--policy.path={policy}",
        "--policy.device=cpu",
        "--env.type=aegis_libero",
        "--env.task=libero_spatial",
        "--env.task_ids=[3]",
        "--env.episode_length=3",
        "--env.observation_height=64",
        "--env.observation_width=64",
        "--eval.n_episodes=1",
        "--eval.batch_size=1",
        f"--output_dir={out}",
        *flags,
    )
    return out


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gives LIBERO_CONFIG_PATH back, which the plug-in sets for processes of LeRobot."""
    monkeypatch.setenv("LIBERO_CONFIG_PATH", os.devnull)


def test_an_episode_is_played_and_its_result_is_read(
    checkpoints: dict[str, Path], tmp_path: Path
) -> None:
    out = evaluate(tmp_path, checkpoints["act"])
    info = json.loads((out / "eval_info.json").read_text(encoding="utf-8"))
    assert info["overall"]["n_episodes"] == 1
    (episode,) = read_results(str(out)).episodes
    assert (episode.address.suite, episode.address.task) == ("libero_spatial", 3)
    assert (episode.address.index, episode.success) == (0, False)


def test_assets_that_are_not_there_are_named(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(AssetError, match="No folder"):
        evaluate(tmp_path, checkpoints["act"], "--env.assets=nowhere")
