"""A Gymnasium environment of one's own as a world: success, digest, sizes."""

from collections import namedtuple
from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
import pytest

from aegis.core.errors import (
    ConfigError,
    PluginError,
    ShapeError,
    StartStateError,
    UnknownNameError,
)
from aegis.core.protocols import World
from aegis.core.types import Act, ActionKind, Embodiment, EpisodeKey, Stop
from envs.gym import GymWorld
from envs.gym_world import _flatten


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


def make_observation(x: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    return x, {"front": np.full((4, 4, 3), int(100 * abs(x[0])), np.uint8)}


def make_walk_world(horizon: int = 30) -> GymWorld:
    one = np.ones(1, np.float32)
    body = Embodiment(("x",), -one, one.copy(), ActionKind.DELTA, 0.1, 0 * one, (False,))
    return GymWorld(Walk, body, horizon, "walk to the right", make_observation)


def walk_to_the_end(world: GymWorld, index: int) -> tuple[list[str], bool]:
    world.begin(EpisodeKey(0, "walk", 0, "any", index))
    digests = [world.digest()]
    while True:
        outcome = world.apply(Act(np.ones(1, np.float32)))
        digests.append(world.digest())
        if outcome.done:
            return digests, outcome.success


def test_a_gymnasium_environment_is_a_world() -> None:
    world = make_walk_world()
    assert isinstance(world, World)
    digests, success = walk_to_the_end(world, 5)
    assert success
    assert walk_to_the_end(world, 6)[0] != digests
    assert walk_to_the_end(make_walk_world(), 5) == (digests, True)
    assert not walk_to_the_end(make_walk_world(horizon=2), 5)[1]


def test_it_shows_what_is_asked_for() -> None:
    world = make_walk_world()
    world.begin(EpisodeKey(0, "walk", 0, "any", 0))
    assert not world.observe({}).images
    seen = world.observe({"front": (4, 4)})
    assert seen.images["front"].shape == (4, 4, 3)
    assert seen.instruction == "walk to the right"


# ---------------------------------------------------------------- success

ONE = np.ones(1, np.float32)
BODY = Embodiment(("x",), -ONE, ONE, ActionKind.DELTA, 0.1, 0 * ONE, (False,))
KEY = EpisodeKey(0, "walk", 0, "any", 5)


class Scripted(gymnasium.Env[Any, Any]):
    """Shows and says what it was given, one entry per step."""

    observation_space = gymnasium.spaces.Box(-1, 1, (1,), np.float32)
    action_space = gymnasium.spaces.Box(-1, 1, (1,), np.float32)

    def __init__(self, infos: list[dict[str, Any]], shown: Any = ONE) -> None:
        self.infos, self.shown, self.k = infos, shown, 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        self.k = 0
        return self.shown, {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.k += 1
        return self.shown, 1.0, self.k == len(self.infos), False, self.infos[self.k - 1]


def read_observation(raw: Any) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    return ONE, {}


def make_scripted_world(infos: list[dict[str, Any]], **settings: Any) -> GymWorld:
    return GymWorld(
        lambda: Scripted(infos), BODY, settings.pop("horizon", 9), "", read_observation, **settings
    )


def finish_episode(world: GymWorld) -> bool:
    world.begin(KEY)
    while True:
        outcome = world.apply(Act(ONE))
        if outcome.done:
            return outcome.success


@pytest.mark.parametrize(
    ("infos", "success"),
    [
        ([{}, {}, {"success": True}], True),
        ([{"success": False}, {"success": np.bool_(False)}, {}], False),
        ([{"success": 0.0}, {"success": np.array([1.0])}], True),
        ([{"success": True}, {}], True),
    ],
)
def test_success_comes_at_the_latest_with_the_last_step(
    infos: list[dict[str, Any]], success: bool
) -> None:
    assert finish_episode(make_scripted_world(infos)) is success


@pytest.mark.parametrize("horizon", [2, 9])
def test_success_that_never_comes_is_no_failure(horizon: int) -> None:
    world = make_scripted_world(
        [{"is_success": False}, {"is_success": True, "steps": 2}], horizon=horizon
    )
    with pytest.raises(PluginError, match=r"(?s)Got: info with 'is_success'.*'steps'"):
        finish_episode(world)
    with pytest.raises(PluginError, match=r"no keys at all.*success='is_success'"):
        finish_episode(make_scripted_world([{}, {}]))
    assert finish_episode(make_scripted_world([{}, {"is_success": True}], success="is_success"))


def test_giving_up_needs_no_success() -> None:
    world = make_scripted_world([{}, {}, {}])
    world.begin(KEY)
    outcome = world.apply(Stop(ONE, "enough"))
    assert (outcome.success, outcome.done) == (False, True)


@pytest.mark.parametrize("value", [np.nan, "yes", None, np.array([True, False]), {"a": 1}])
def test_success_is_one_truth(value: object) -> None:
    with pytest.raises(PluginError, match="true or false, as one value"):
        finish_episode(make_scripted_world([{"success": value}]))


# ---------------------------------------------------------------- digest

Pair = namedtuple("Pair", ["left", "right"])
SHOWN: list[Any] = [
    40 * np.ones((4, 4, 3), np.uint8),
    80 * np.ones((4, 4, 3), np.uint8),
    np.ones((4, 4, 3), np.int8),
    np.ones((4, 12), np.int8),
    {"cam": np.zeros(3), "text": "a"},
    {"cam": np.zeros(3), "text": "b"},
    {"other": np.zeros(3), "text": "a"},
    (1, 2),
    (12,),
    [1, 2],
    Pair(1, 2),
    1.0,
    -0.0,
    0.0,
    "1",
    None,
]


def test_the_digest_tells_observations_apart() -> None:
    digests = []
    for shown in SHOWN:
        world = GymWorld(
            lambda shown=shown: Scripted([{}, {}], shown), BODY, 9, "", read_observation
        )
        world.begin(KEY)
        first = world.digest()
        world.apply(Act(ONE))
        assert world.digest() != first
        digests += [first, world.digest()]
    assert len(set(digests)) == len(digests)


def test_the_digest_covers_pictures_that_only_sense_draws() -> None:
    shade = iter((40, 80, 40))

    def draw(raw: Any) -> tuple[np.ndarray, Mapping[str, np.ndarray]]:
        return ONE, {"cam": np.full((2, 2, 3), next(shade), np.uint8)}

    world = GymWorld(lambda: Scripted([{}]), BODY, 9, "", draw)
    digests = []
    for _ in range(3):
        world.begin(KEY)
        digests.append(world.digest())
    assert digests[0] == digests[2] != digests[1]


def test_what_cannot_be_told_apart_is_refused() -> None:
    with pytest.raises(PluginError, match="Got: object"):
        list(_flatten({"a": [object()]}))


# ---------------------------------------------------------------- pictures


def make_pictured_world(picture: np.ndarray) -> GymWorld:
    world = GymWorld(lambda: Scripted([{}]), BODY, 9, "", lambda raw: (ONE, {"cam": picture}))
    world.begin(KEY)
    return world


@pytest.mark.parametrize("size", [(4, 4), (8, 12), (16, 24), (5, 3), (8, 1)])
def test_pictures_come_in_the_size_that_was_asked_for(size: tuple[int, int]) -> None:
    ramp = np.broadcast_to(np.linspace(0, 240, 12)[None, :, None], (8, 12, 3)).astype(np.uint8)
    seen = make_pictured_world(ramp).observe({"cam": size}).images["cam"]
    assert seen.shape == (*size, 3)
    assert seen.dtype == np.uint8
    assert abs(float(seen.mean()) - float(ramp.mean())) < 8
    assert (np.diff(seen.astype(int), axis=1) >= 0).all()
    if size == (8, 12):
        np.testing.assert_array_equal(seen, ramp)


def test_pictures_of_another_kind_are_refused() -> None:
    for picture in (np.zeros((4, 4, 3)), np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8)):
        with pytest.raises(ShapeError, match="uint8 of shape"):
            make_pictured_world(picture).observe({"cam": (4, 4)})
    with pytest.raises(UnknownNameError, match="Did you mean 'cam'"):
        make_pictured_world(np.zeros((4, 4, 3), np.uint8)).observe({"cams": (4, 4)})


def test_buffers_of_the_environment_are_copied() -> None:
    buffer = np.zeros((4, 4, 3), np.uint8)
    world = make_pictured_world(buffer)
    seen = world.observe({"cam": (4, 4)}).images["cam"]
    buffer[:] = 9
    assert not seen.any()
    assert not world.observe({"cam": (4, 4)}).images["cam"].any()
    assert buffer.flags.writeable


def test_refusals() -> None:
    world = make_scripted_world([{}])
    for call in (lambda: world.observe({}), lambda: world.apply(Act(ONE))):
        with pytest.raises(StartStateError, match="begin"):
            call()
    with pytest.raises(ConfigError, match="horizon"):
        make_scripted_world([{}], horizon=0)
