"""LIBERO worlds, keys of their episodes, and courses of actions to play in them."""

import numpy as np

from aegis.core.types import Act, EpisodeKey, Observation
from envs.libero.world import LiberoWorld

SUITE = "libero_spatial"
BOTH = {"agentview": (32, 48), "wrist": (32, 32)}
HOLD = np.array([0, 0, 0, 0, 0, 0, -1], np.float32)


def make_key(task: int = 0, start: str = "wide", index: int = 1, suite: str = SUITE) -> EpisodeKey:
    return EpisodeKey(7, suite, task, start, index)


def new_world(horizon: int = 220, stepping: str = "exact") -> LiberoWorld:
    return LiberoWorld(SUITE, "builtin", horizon, stepping, snapshot_version=2)


def draw_actions(seed: int, count: int) -> np.ndarray:
    """Downwards and sideways, so that something is touched."""
    drawn = np.random.default_rng(seed).uniform(-1, 1, (count, 7)).astype(np.float32)
    drawn[:, 2] -= 0.5
    return drawn.clip(-1, 1)


def play_course(world: LiberoWorld, course: np.ndarray, look: bool = False) -> list[str]:
    digests = []
    for action in course:
        if look:
            world.observe(BOTH)
        world.apply(Act(action.copy()))
        digests.append(world.digest())
    return digests


def assert_same(a: Observation, b: Observation) -> None:
    assert a.stamp == b.stamp
    np.testing.assert_array_equal(a.proprio, b.proprio)
    assert a.images.keys() == b.images.keys()
    for name in a.images:
        np.testing.assert_array_equal(a.images[name], b.images[name])
    for name in a.privileged:
        np.testing.assert_array_equal(a.privileged[name], b.privileged[name])
