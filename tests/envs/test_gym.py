"""Worlds as Gymnasium environments: resets, spaces, refusals."""

import warnings
from collections.abc import Iterator
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from aegis.core.errors import (
    ConfigError,
    NonFiniteError,
    ShapeError,
    StartStateError,
    UnknownNameError,
)
from envs.gym import GymEnv
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


def test_an_index_is_a_start(env: LiberoEnv) -> None:
    first, info = env.reset(options={"index": 3})
    assert info["key"] == "libero_spatial/0/wide/3@0"
    again, _ = env.reset(seed=8, options={"index": np.int64(3)})
    other, _ = env.reset(options={"index": 4})
    np.testing.assert_array_equal(first["agentview"], again["agentview"])
    assert (first["agentview"] != other["agentview"]).any()
    _, info = env.reset(options={"task": 2, "start": "official", "index": 1})
    assert info["key"] == "libero_spatial/2/official/1@0"


SEEDS = (0, 1, 49, 50, 123, 2**31 - 1, 2**31, 2**32 + 5, 2**63, 10**30)


@pytest.mark.parametrize("start", ["official", "wide"])
def test_reset_takes_any_seed_and_none(start: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The draws of a seed are always the same, lie in the family, and differ from each other."""
    env = LiberoEnv(task=0, assets="builtin", horizon=5, size=32, start=start)
    keys: list[str] = []
    monkeypatch.setattr(env._world, "begin", lambda key: keys.append(str(key)))
    monkeypatch.setattr(env, "_observe_world", dict)
    for _ in range(2):
        for seed in SEEDS:
            env.reset(seed=seed)
            env.reset()
            env.reset(options={})
    half = len(keys) // 2
    assert keys[:half] == keys[half:]
    assert len(set(keys)) > half * 0.6
    indices = {int(key.split("/")[3].split("@")[0]) for key in keys}
    assert max(indices) < (50 if start == "official" else 2**31)
    twins = [LiberoEnv(task=0, assets="builtin", horizon=5, size=32, start=start) for _ in range(2)]
    drawn = []
    for twin in twins:  # without a seed each environment has one of its own
        monkeypatch.setattr(twin._world, "begin", lambda key: drawn.append(str(key)))
        monkeypatch.setattr(twin, "_observe_world", dict)
        for _ in range(8):
            twin.reset()
    assert drawn[:8] != drawn[8:]


def test_official_starts_pass_anybodys_loop() -> None:
    def make() -> LiberoEnv:
        return LiberoEnv(task=1, start="official", assets="builtin", horizon=3, size=32)

    env = make()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_env(env)
    env.close()
    vector = gymnasium.vector.SyncVectorEnv([make, make])
    vector.reset(seed=123)
    still = np.zeros((2, 7), np.float32)
    ended = sum(int(vector.step(still)[3].sum()) for _ in range(9))
    assert ended == 4  # 3 steps, a reset, 3 steps, a reset
    vector.close()


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"Task": 3}, UnknownNameError, "Did you mean 'task'"),
        ({"seed": 3}, UnknownNameError, "Allowed: task, start, index"),
        ({"start": "oficial"}, UnknownNameError, "Did you mean 'official'"),
        ({"start": 3}, ConfigError, "must be a text. Got: 3"),
        ({"task": 10}, UnknownNameError, "task '10'"),
        (["task"], ConfigError, "options of GymEnv.reset must be a mapping. Got: \\['task'\\]"),
        ({"task": "3"}, ConfigError, "options\\['task'\\] .* must be an integer. Got: '3'"),
        ({"index": 1.5}, ConfigError, "must be an integer. Got: 1.5"),
        ({"index": True}, ConfigError, "must be an integer. Got: True"),
        ({"start": "official", "index": 50}, StartStateError, "from 0 to 49"),
        ({"index": -1}, StartStateError, "from 0 up"),
    ],
)
def test_wrong_options_are_refused(
    env: LiberoEnv, options: dict[str, Any], error: type[Exception], says: str
) -> None:
    env.reset(seed=0)
    with pytest.raises(error, match=says):
        env.reset(options=options)
    env.reset()


def test_what_is_given_out_may_be_written_to(env: LiberoEnv) -> None:
    obs, _ = env.reset(seed=3)
    for value in (obs["agentview"], obs["wrist"], obs["proprio"], env.render()):
        value[:] = 0
    assert env.render().any()
    assert env._world.observe({"wrist": (32, 32)}).images["wrist"].any()
    obs, *_ = env.step(np.zeros(7, np.float32))
    obs["agentview"][:] = 0
    env.action_space.low[:] = 0
    assert (env._world.embodiment.low == -1).all()


def test_a_closed_environment_shows_nothing(env: LiberoEnv) -> None:
    with pytest.raises(StartStateError, match="reset"):
        env.render()
    env.reset(seed=0)
    env.close()
    env.close()
    for call in (env.render, env.reset, lambda: env.step(np.zeros(7, np.float32))):
        with pytest.raises(StartStateError, match="closed"):
            call()


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
