"""All of LIBERO's tasks: physics equal to robosuite's bit for bit, goals equal at every step."""

from collections.abc import Iterator

import numpy as np
import pytest

from tests.envs.near_goal import put_near_goal
from tests.envs.reference import Reference
from tests.envs.suites import FEW, list_tasks, require_official_assets
from tests.envs.test_stepper import (
    draw_pressing_actions,
    draw_smooth_actions,
    draw_wild_actions,
)

COURSES = (draw_pressing_actions, draw_wild_actions, draw_smooth_actions)


def reach_and_lift(both: Reference, steps: int) -> Iterator[np.ndarray]:
    """Goes to what is to be moved, closes the hand on it, and takes it to its target."""
    for k in range(steps):
        truth = both.observe().privileged
        target = truth["object_pos"] + [0, 0, 0.0 if k > steps // 3 else 0.08]
        if k > 2 * steps // 3:
            place = truth["target_pos"]
            target = truth["object_pos"] + [0, 0, 0.2] if np.isnan(place).any() else place
        pull = np.clip(10 * (target - truth["ee_pos"]), -1, 1)
        yield np.array([*pull, 0, 0, 0, 1.0 if k > steps // 2 else -1.0])


@pytest.mark.parametrize(("suite", "task"), list_tasks())
def test_equal_to_libero(suite: str, task: int) -> None:
    require_official_assets(suite)
    both = Reference(task, "official", suite)
    for fixture in both.scene.fixtures:  # LIBERO has placed them by itself, offset and all
        x, y, z = both.theirs_model.body_pos[fixture.body]
        assert fixture.x[0] - 1e-9 <= x <= fixture.x[1] + 1e-9
        assert fixture.y[0] - 1e-9 <= y <= fixture.y[1] + 1e-9
        assert fixture.z == z
    both.begin(index=task % 50)
    few = (suite, task) in FEW
    rng = np.random.default_rng(task)
    courses = [make_course(rng) for make_course in (COURSES[:1] if few else COURSES)]
    courses.append(reach_and_lift(both, 20 if few else 80))
    touched = 0
    for course in courses:
        for k, action in enumerate(course):
            assert both.step(action), f"tick {k}"
            assert both.goal.check_terms(both.data) == both.check_their_terms(), f"tick {k}"
            touched = max(touched, both.data.ncon)
    assert touched > 5  # an empty table would prove little
    both.begin(index=(task + 1) % 50)
    both.show()
    seen: list[set[bool]] = [set() for _ in both.scene.goals]
    for _ in range(60 if few else 150):
        put_near_goal(both, rng)
        answers = both.goal.check_terms(both.theirs)
        assert answers == both.check_their_terms()
        assert both.goal.is_reached(both.theirs) == both.problem._check_success()
        for known, answer in zip(seen, answers, strict=True):
            known.add(answer)
    assert all(known == {True, False} for known in seen)
    both.close()
