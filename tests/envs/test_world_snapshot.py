"""Snapshots of LIBERO: they go on bit for bit, anywhere, and wrong ones are refused."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context

import numpy as np
import pytest

from aegis.core.errors import SnapshotError
from aegis.core.protocols import WorldState
from aegis.core.types import Act
from envs.libero.world import LiberoWorld
from policies.expert import ScriptedExpert
from tests.envs.courses import BOTH, assert_same, draw_actions, make_key, new_world, play_course


@pytest.mark.parametrize("stepping", ["exact", "fast"])
@pytest.mark.parametrize("task", [0, 4])
def test_a_snapshot_goes_on_bit_for_bit(task: int, stepping: str) -> None:
    """Where it was taken, in a world that was elsewhere, and in one where nothing has begun.

    The expert plays until the object is in its hand, then all is thrown about.
    """
    world, elsewhere = new_world(stepping=stepping), new_world(stepping=stepping)
    expert, wild = ScriptedExpert("expert"), draw_actions(4, 130)
    world.begin(make_key(task))
    course, snapshots, seen = [], {}, {}
    for k in range(130):
        if k in (0, 12, 70, 100):
            snapshots[k] = world.snapshot()
            seen[k] = world.observe(BOTH)
        action = wild[k] if k >= 90 else expert.act(world.observe({})).astype(np.float32)
        course.append((action, world.apply(Act(action.copy())), world.digest()))
    assert world.observe({}).privileged["object_pos"][2] > 0.5  # it is still a scene
    elsewhere.begin(make_key(1))
    play_course(elsewhere, wild[:3])
    for k, snapshot in snapshots.items():
        for other in (world, elsewhere, new_world(stepping=stepping)):
            other.restore(snapshot)
            assert_same(other.observe(BOTH), seen[k])
            for action, outcome, digest in course[k : k + 40]:
                assert other.apply(Act(action.copy())) == outcome
                assert other.digest() == digest


def test_a_snapshot_goes_on_in_another_process(world: LiberoWorld) -> None:
    course = draw_actions(6, 12)
    world.begin(make_key(4))
    play_course(world, course[:6])
    snapshot = world.snapshot()
    rest = play_course(world, course[6:])
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        assert pool.submit(go_on, snapshot, course[6:]).result() == rest


def go_on(snapshot: WorldState, course: np.ndarray) -> list[str]:
    world = new_world()
    world.restore(snapshot)
    return play_course(world, course)


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda s: replace(s, values=s.values[:-1].copy()), "damaged"),
        (
            lambda s: replace(s, values=np.where(np.arange(len(s.values)) == 9, np.nan, s.values)),
            "1 of",
        ),
        (lambda s: replace(s, model=s.model.replace("mujoco-", "mujoco-9")), "mujoco-9"),
        (lambda s: replace(s, model=s.model.replace("exact", "fast")), "fast"),
        (lambda s: replace(s, key=make_key(1)), "libero_spatial/0"),
        (lambda s: replace(s, key=make_key(10)), "task '10'"),
        (lambda s: replace(s, key=make_key(suite="libero_object")), "libero_object"),
        (lambda s: replace(s, k=-1), "-1"),
    ],
)
def test_wrong_snapshots_are_refused(
    world: LiberoWorld, damage: Callable[[WorldState], WorldState], says: str
) -> None:
    world.begin(make_key())
    with pytest.raises(SnapshotError, match=says):
        world.restore(damage(world.snapshot()))
