"""The scripted expert solves LIBERO's suites; slow runs count how often."""

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
from tests.envs.suites import require_official_assets

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


@pytest.mark.parametrize(
    ("suite", "task"),
    [("libero_object", 3), ("libero_goal", 0), ("libero_goal", 7), ("libero_10", 4)],
)
def test_solves_an_official_start(suite: str, task: int) -> None:
    require_official_assets(suite)
    world = LiberoWorld(suite, "official", 520, "fast")
    assert play_expert(world, ScriptedExpert("expert"), EpisodeKey(0, suite, task, "official", 7))


@pytest.mark.slow
@pytest.mark.parametrize(("suite", "task"), [("libero_object", 0), ("libero_goal", 8)])
def test_takes_over_from_random_states(suite: str, task: int) -> None:
    require_official_assets(suite)
    world, expert = LiberoWorld(suite, "official", 520, "fast"), ScriptedExpert("expert")
    solved = 0
    for index in range(10):
        world.begin(EpisodeKey(SEED, suite, task, "official", index))
        rng = np.random.default_rng(index)
        push = rng.uniform(-1, 1, 7)
        for _ in range(40):
            push = np.clip(0.8 * push + 0.4 * rng.normal(size=7), -1, 1)
            world.apply(Act(push.astype(np.float32)))
        while not (outcome := world.apply(Act(_act(world, expert)))).done:
            pass
        solved += outcome.success
    assert solved >= 7, solved


def _act(world: LiberoWorld, expert: ScriptedExpert) -> np.ndarray:
    return expert.act(world.observe({})).astype(np.float32)


def test_needs_simulator_truth() -> None:
    obs = Observation(0, np.zeros(8, np.float32), {}, "pick up the bowl")
    query = Query(EpisodeKey(0, SUITE, 0, "wide", 0), 0, obs)
    with pytest.raises(ConfigError, match="simulator truth"):
        ScriptedExpert("expert").propose([query])
    assert ScriptedExpert("expert").spec.privileged
