"""Snapshots of LIBERO: they go on bit for bit, anywhere, and wrong ones are refused."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context

import numpy as np
import pytest

from aegis.core.errors import SnapshotError, UnknownNameError
from aegis.core.protocols import WorldState
from aegis.core.types import Act
from envs.libero.world import LiberoWorld
from policies.expert import ScriptedExpert
from tests.envs.courses import (
    BOTH,
    SUITE,
    assert_same,
    draw_actions,
    make_key,
    new_world,
    play_course,
)


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


@pytest.mark.parametrize(("version", "goes_on"), [(1, False), (2, True)])
def test_a_body_that_just_fell_asleep_keeps_its_smooth_acceleration(
    version: int, goes_on: bool
) -> None:
    """A sleeper's next warm start is its smooth acceleration; the first version took the last."""
    one, other = (
        LiberoWorld(SUITE, "builtin", 220, "fast", snapshot_version=version) for _ in range(2)
    )
    one.begin(make_key(0))
    still = Act(np.zeros(7, np.float32))
    for _ in range(60):
        one.apply(still)
    sim = one._sim
    assert sim is not None
    sleepers = np.flatnonzero(sim.data.tree_asleep[sim.model.dof_treeid] >= 0)
    assert len(sleepers), "something sleeps by now"
    sim.data.qacc_warmstart[sleepers] = 0.0  # as after a substep in which they lay awake
    other.restore(one.snapshot())
    assert other.digest() == one.digest()
    for world in (one, other):
        world.apply(still)
    assert (other.digest() == one.digest()) is goes_on


def test_a_snapshot_of_another_version_is_refused() -> None:
    first, second = (
        LiberoWorld(SUITE, "builtin", 220, "fast", snapshot_version=version) for version in (1, 2)
    )
    first.begin(make_key(0))
    with pytest.raises(SnapshotError, match="v1"):
        second.restore(first.snapshot())


def test_an_unknown_version_is_refused() -> None:
    with pytest.raises(UnknownNameError, match=r"env\.snapshot_version"):
        LiberoWorld(SUITE, "builtin", 220, snapshot_version=3)
