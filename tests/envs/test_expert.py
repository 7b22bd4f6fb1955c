"""The scripted expert solves LIBERO-Spatial; the slow run counts how often."""

import os
from pathlib import Path

import numpy as np
import pytest

from aegis.core.errors import ConfigError
from aegis.core.protocols import Query
from aegis.core.types import Act, EpisodeKey, Observation
from envs.assets.resolver import ASSETS_VARIABLE
from envs.libero.world import LiberoWorld
from policies.expert import ScriptedExpert

SUITE = "libero_spatial"
SEED = 20_000  # root of the counted episodes; nothing else uses it


def play_expert(world: LiberoWorld, expert: ScriptedExpert, key: EpisodeKey) -> bool:
    world.begin(key)
    while True:
        outcome = world.apply(Act(expert.act(world.observe({})).astype(np.float32)))
        if outcome.done:
            return outcome.success


@pytest.mark.parametrize("task", [0, 4, 7])
def test_solves_a_wide_start(task: int) -> None:
    world = LiberoWorld(SUITE, "builtin", 220)
    assert play_expert(world, ScriptedExpert("expert"), EpisodeKey(0, SUITE, task, "wide", 0))


@pytest.mark.slow
@pytest.mark.parametrize("start", ["wide", "official"])
@pytest.mark.parametrize("assets", ["builtin", "official"])
def test_solves_nearly_all(assets: str, start: str) -> None:
    if assets == "official":
        assets = os.environ.get(ASSETS_VARIABLE, "")
        if not Path(assets).is_dir() or not assets:
            pytest.skip(f"no official assets: {ASSETS_VARIABLE} names no folder")
    world, expert = LiberoWorld(SUITE, assets, 220), ScriptedExpert("expert")
    solved = {
        task: sum(
            play_expert(world, expert, EpisodeKey(SEED, SUITE, task, start, i)) for i in range(20)
        )
        for task in range(10)
    }
    assert sum(solved.values()) >= 190, solved


def test_needs_simulator_truth() -> None:
    obs = Observation(0, np.zeros(8, np.float32), {}, "pick up the bowl")
    query = Query(EpisodeKey(0, SUITE, 0, "wide", 0), 0, obs)
    with pytest.raises(ConfigError, match="simulator truth"):
        ScriptedExpert("expert").propose([query])
    assert ScriptedExpert("expert").spec.privileged
