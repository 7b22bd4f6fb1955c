"""Worlds as Gymnasium environments and the other way round."""

import warnings
from collections.abc import Iterator
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from aegis.core.errors import ConfigError, NonFiniteError, ShapeError, StartStateError
from aegis.core.protocols import World
from aegis.core.types import Act, ActionKind, Embodiment, EpisodeKey
from envs.gym import GymEnv, GymWorld
from envs.libero.env import LiberoEnv
from envs.libero.world import LiberoWorld


@pytest.fixture
def env() -> Iterator[LiberoEnv]:
    env = LiberoEnv(task=0, assets="builtin", horizon=5, size=32)
    yield env
    env.close()


def test_gymnasium_is_content(env: LiberoEnv) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # advice on specs and infinite bounds
        check_env(env)


def test_a_seed_is_a_start(env: LiberoEnv) -> None:
    first, info = env.reset(seed=3)
    assert info["key"] == "libero_spatial/0/wide/3@0"
    again, _ = env.reset(options={"index": 3})
    other, _ = env.reset(options={"index": 4})
    np.testing.assert_array_equal(first["agentview"], again["agentview"])
    assert (first["agentview"] != other["agentview"]).any()
    _, info = env.reset(seed=1, options={"task": 2, "start": "official"})
    assert info["key"] == "libero_spatial/2/official/1@0"


def test_the_horizon_truncates(env: LiberoEnv) -> None:
    env.reset(seed=0)
    steps = [env.step(np.zeros(7, np.float32)) for _ in range(5)]
    assert [truncated for *_, truncated, _ in steps] == [False] * 4 + [True]
    assert not any(terminated for _, _, terminated, _, _ in steps)
    picture = env.render()
    assert picture is not None
    np.testing.assert_array_equal(picture, steps[-1][0]["agentview"])


def test_refusals(env: LiberoEnv) -> None:
    with pytest.raises(StartStateError, match="reset"):
        env.step(np.zeros(7, np.float32))
    env.reset(seed=0)
    with pytest.raises(ShapeError):
        env.step(np.zeros(6, np.float32))
    with pytest.raises(NonFiniteError):
        env.step(np.full(7, np.nan, np.float32))
    world = LiberoWorld("libero_spatial", "builtin", 5)
    with pytest.raises(ConfigError, match="camera"):
        GymEnv(world, "libero_spatial", 0, "wide", {}, proprio=8)


# ---------------------------------------------------------------- an environment of one's own


class Walk(gymnasium.Env[np.ndarray, np.ndarray]):
    """A point on a line; it should come to 1."""

    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (1,), np.float32)
    action_space = gymnasium.spaces.Box(-1, 1, (1,), np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(seed=seed)
        self.x = float(self.np_random.uniform(-0.5, 0.5))
        return self._look(), {}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        self.x += 0.1 * float(action[0])
        there = self.x >= 1.0
        return self._look(), float(there), there, False, {"success": there}

    def _look(self) -> np.ndarray:
        return np.array([self.x], np.float32)


def sense(x: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    return x, {"front": np.full((4, 4, 3), int(100 * abs(x[0])), np.uint8)}


def walk(horizon: int = 30) -> GymWorld:
    one = np.ones(1, np.float32)
    body = Embodiment(("x",), -one, one.copy(), ActionKind.DELTA, 0.1, 0 * one, (False,))
    return GymWorld(Walk, body, horizon, "walk to the right", sense)


def walk_to_the_end(world: GymWorld, index: int) -> tuple[list[str], bool]:
    world.begin(EpisodeKey(0, "walk", 0, "any", index))
    digests = [world.digest()]
    while True:
        outcome = world.apply(Act(np.ones(1, np.float32)))
        digests.append(world.digest())
        if outcome.done:
            return digests, outcome.success


def test_a_gymnasium_environment_is_a_world() -> None:
    world = walk()
    assert isinstance(world, World)
    digests, success = walk_to_the_end(world, 5)
    assert success
    assert walk_to_the_end(world, 6)[0] != digests
    assert walk_to_the_end(walk(), 5) == (digests, True)
    assert not walk_to_the_end(walk(horizon=2), 5)[1]


def test_it_shows_what_is_asked_for() -> None:
    world = walk()
    world.begin(EpisodeKey(0, "walk", 0, "any", 0))
    assert not world.observe({}).images
    seen = world.observe({"front": (4, 4)})
    assert seen.images["front"].shape == (4, 4, 3)
    assert seen.instruction == "walk to the right"
