"""LIBERO as a world: reproducible from the key, undisturbed by looking and by other worlds."""

import os
from pathlib import Path

import pytest

from envs.libero.world import LiberoWorld
from tests.envs.courses import BOTH, assert_same, draw_actions, make_key, new_world, play_course


@pytest.mark.parametrize("start", ["wide", "official"])
@pytest.mark.parametrize("task", [0, 4])
def test_an_episode_follows_from_its_key(world: LiberoWorld, task: int, start: str) -> None:
    fresh = new_world()
    world.begin(make_key(task, start, index=9))  # the past of a world must not matter
    play_course(world, draw_actions(1, 5))
    world.begin(make_key(task, start))
    fresh.begin(make_key(task, start))
    assert_same(world.observe(BOTH), fresh.observe(BOTH))
    course = draw_actions(2, 25)
    assert play_course(world, course) == play_course(fresh, course)
    assert_same(world.observe(BOTH), fresh.observe(BOTH))
    fresh.close()


def test_looking_does_not_change_the_course(world: LiberoWorld) -> None:
    course = draw_actions(3, 25)
    world.begin(make_key())
    blind = play_course(world, course)
    world.begin(make_key())
    assert play_course(world, course, look=True) == blind


def test_worlds_of_one_task_do_not_disturb_each_other(world: LiberoWorld) -> None:
    """They share a model, and fixtures stand elsewhere in each of them; one of them may sleep."""
    course = draw_actions(5, 10)
    one, two = make_key(3, index=1), make_key(3, index=2)
    other = new_world(stepping="fast")
    alone = []
    for its, each in ((world, one), (other, two)):
        its.begin(each)
        alone.append(play_course(its, course))
    world.begin(one)
    other.begin(two)
    mixed: tuple[list[str], list[str]] = ([], [])
    for action in course:
        for digests, its in zip(mixed, (world, other), strict=True):
            its.observe({})
            digests += play_course(its, action[None])
    assert list(mixed) == alone


def measure_resident_memory() -> float:
    """Memory of this process [MB]."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def test_worlds_cost_little_memory(world: LiberoWorld) -> None:
    """Eight worlds that go through all tasks, with pictures: a worker has 1 GB for everything."""
    worlds = [new_world() for _ in range(8)]
    world.begin(make_key(0))
    world.observe(BOTH)
    before = measure_resident_memory()
    for turn in range(10):
        for i, each in enumerate(worlds):
            each.begin(make_key((turn + i) % 10, start="official"))
            each.observe(BOTH)
    assert measure_resident_memory() - before < 200
