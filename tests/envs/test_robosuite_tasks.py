"""The tasks of robosuite: equal to robosuite bit for bit, seeded starts, snapshots, refusals."""

from collections.abc import Callable

import numpy as np
import pytest

from aegis.core.errors import UnknownNameError
from aegis.core.types import Act, EpisodeKey
from envs.robosuite import RobosuiteWorld
from envs.robosuite.scene import build_scene
from envs.robosuite.tasks.catalog import TASKS
from policies.robosuite_expert import RobosuiteExpert
from tests.envs.robosuite_reference import RobosuiteReference

STEPS = 200
"""Control steps of a course."""


@pytest.mark.parametrize("task", TASKS)
def test_courses_equal_robosuites_bit_for_bit(task: str) -> None:
    """Random actions, then ones that grasp and move the object; success is judged alike."""
    both = RobosuiteReference(task)
    rng = np.random.default_rng(7)
    random = rng.uniform(-1, 1, (STEPS, 7))
    courses: tuple[Callable[[int], np.ndarray], ...] = (
        lambda k: random[k],
        lambda k: both.choose_action(k, rng),
    )
    touched = 0.0
    for index, choose in enumerate(courses):
        both.begin(index)
        before = both.ours.read_truth()["object_mat"], both.ours.read_truth()["object_pos"]
        for k in range(STEPS):
            equal, ours, theirs = both.step(choose(k))
            assert equal, f"{task}: state differs after step {k} of course {index}"
            assert ours == theirs, f"{task}: success differs after step {k} of course {index}"
            truth = both.ours.read_truth()
            moved = np.abs(truth["object_pos"] - before[1]).max()
            turned = np.abs(truth["object_mat"] - before[0]).max()
            touched = max(touched, float(moved), float(turned))
    assert touched > 0.01, f"{task}: nothing was moved"
    both.theirs.close()


@pytest.mark.parametrize("task", TASKS)
def test_success_is_judged_as_by_robosuite(task: str) -> None:
    """With the object put at random around where it is to be, the hand far away."""
    both, rng = RobosuiteReference(task), np.random.default_rng(3)
    both.begin(0)
    answers = set()
    for _ in range(300):
        both.put_near_goal(rng)
        ours, theirs = both.judge()
        assert ours == theirs
        answers.add(ours)
    assert answers == {True, False}
    both.theirs.close()


@pytest.mark.parametrize("stepping", ["exact", "fast"])
@pytest.mark.parametrize("task", TASKS)
def test_a_snapshot_goes_on_bit_for_bit(task: str, stepping: str) -> None:
    """In a fresh world, too; and other starts are other starts."""
    world = RobosuiteWorld("robosuite", task, 100, stepping)
    (number,) = world.list_tasks()
    rng = np.random.default_rng(1)
    actions = rng.uniform(-1, 1, (30, 7)).astype(np.float32)
    key = EpisodeKey(1, "robosuite", number, "wide", 0)
    world.begin(EpisodeKey(1, "robosuite", number, "wide", 1))
    other = world.digest()
    world.begin(key)
    first = world.digest()
    assert first != other
    for action in actions[:15]:
        world.apply(Act(action))
    snapshot, courses = world.snapshot(), []
    fresh = RobosuiteWorld("robosuite", task, 100, stepping)
    fresh.begin(key)
    assert fresh.digest() == first
    for one in (world, fresh):
        one.restore(snapshot)
        digests = []
        for action in actions[15:]:
            one.apply(Act(action))
            digests.append(one.digest())
        courses.append((digests, one.observe({}).privileged))
    assert courses[0][0] == courses[1][0]
    for name, value in courses[0][1].items():
        np.testing.assert_array_equal(value, courses[1][1][name])


def test_a_scene_is_built_the_same_each_time() -> None:
    """robosuite draws the cube's size as it builds; workers must not differ in it."""
    first = build_scene("Lift").digest
    np.random.seed(5)  # noqa: NPY002 - what a user's process may have drawn
    build_scene.cache_clear()
    assert build_scene("Lift").digest == first


def test_a_world_has_the_one_task_of_its_name() -> None:
    world = RobosuiteWorld("robosuite", "Stack", 100)
    assert tuple(world.list_tasks()) == (1,)
    with pytest.raises(UnknownNameError, match="task"):
        world.begin(EpisodeKey(1, "robosuite", 0, "wide", 0))
    with pytest.raises(UnknownNameError, match="stepping"):
        RobosuiteWorld("robosuite", "Stack", 100, "slow")


@pytest.mark.parametrize("task", ["Lift", "Stack"])
def test_the_expert_solves_most_starts(task: str) -> None:
    world, expert = RobosuiteWorld("robosuite", task, 150), RobosuiteExpert("expert")
    (number,) = world.list_tasks()
    solved = 0
    for index in range(4):
        world.begin(EpisodeKey(1, "robosuite", number, "official", index))
        outcome = world.apply(Act(world.embodiment.hold.copy()))
        while not outcome.done:
            action = expert.act(world.observe({})).astype(np.float32)
            outcome = world.apply(Act(action))
        solved += outcome.success
    assert solved >= 3
