"""Start states of LIBERO: everywhere different, within their limits, and fair."""

from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aegis.core.types import Act, EpisodeKey
from envs.libero.scene import Scene
from envs.libero.starts.families import draw_start
from envs.libero.starts.spatial import REACH_RANGE, TABLE_BOUNDS
from envs.libero.starts.start_state import FIXTURE_JITTER, JITTER, STACKED_JITTER
from envs.libero.world import LiberoWorld
from tests.envs.courses import HOLD, SUITE, make_key, new_world


@lru_cache
def build_scene(task: int) -> Scene:
    return new_world().get_scene(task)


def test_other_indexes_and_roots_start_elsewhere(world: LiberoWorld) -> None:
    keys = [make_key(index=i) for i in (0, 1, 10**6)] + [EpisodeKey(8, SUITE, 0, "wide", 0)]
    digests = set()
    for one in keys:
        world.begin(one)
        digests.add(world.digest())
    assert len(digests) == len(keys)


@settings(max_examples=60, deadline=None)
@given(task=st.sampled_from([0, 4]), index=st.integers(0, 10**9), attempt=st.integers(0, 3))
def test_jitter_keeps_its_limits(task: int, index: int, attempt: int) -> None:
    here = build_scene(task)
    start = draw_start(here, make_key(task, index=index), attempt)
    nq = here.model.nq
    moved = start.qpos - here.official[:, 1 : 1 + nq]  # from each of the official states
    limits = np.zeros(nq)
    for movable in here.movables:
        carried_by = {m.name for m in here.movables} | {"table"}
        base = JITTER if movable.support in carried_by else FIXTURE_JITTER
        extra = 0.0 if movable.support == "table" else STACKED_JITTER
        limits[movable.qpos : movable.qpos + 2] = base + extra
    assert (np.abs(moved) <= limits + 1e-12).all(axis=1).any()
    for fixture in here.fixtures:
        middle = (np.mean(fixture.x), np.mean(fixture.y))
        assert np.abs(start.body_pos[fixture.body][:2] - middle).max() <= FIXTURE_JITTER + 1e-12


@pytest.mark.parametrize("task", [0, 4])
def test_wide_starts_are_fair(world: LiberoWorld, task: int) -> None:
    for index in range(4):
        world.begin(make_key(task, index=index))
        truth = world.observe({}).privileged
        for name in ("object_pos", "target_pos"):
            assert TABLE_BOUNDS[0] < truth[name][0] < TABLE_BOUNDS[1]
            assert TABLE_BOUNDS[2] < truth[name][1] < TABLE_BOUNDS[3]
            assert REACH_RANGE[0] < np.hypot(truth[name][0] + 0.66, truth[name][1]) < REACH_RANGE[1]
        assert truth["object_mat"][2, 2] > 0.97
        assert not world.apply(Act(HOLD.copy())).success
