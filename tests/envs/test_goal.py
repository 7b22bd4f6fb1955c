"""Our goal predicate says what LIBERO's own says."""

from collections.abc import Callable

import mujoco
import numpy as np
import pytest

from envs.libero.goals.terms import OnBody
from policies.expert import ScriptedExpert
from tests.envs.reference import TASKS, Reference


@pytest.fixture(scope="module", params=TASKS)  # of the module: each task is built once
def both(reference: Callable[[int, str], Reference], request: pytest.FixtureRequest) -> Reference:
    return reference(request.param, "builtin")


def test_agrees_along_an_episode(both: Reference) -> None:
    """LIBERO's own state is set to ours at each tick, so that both look at the same contacts."""
    expert = ScriptedExpert("expert")
    both.begin(index=5)
    reached = []
    for _ in range(200):
        both.stepper.step(expert.act(both.observe()))
        both.show()
        ours = both.goal.is_reached(both.theirs)
        assert ours == both.problem._check_success()
        reached.append(ours)
        if sum(reached) > 5:
            break
    assert reached[0] is False
    assert sum(reached) > 5


def test_agrees_near_success(both: Reference) -> None:
    """The object is put around the target: beside, above, in it, at the edge of the 3 cm."""
    both.begin(index=0)
    both.show()
    rng = np.random.default_rng(both.scene.task)
    (term,) = both.scene.goals
    assert isinstance(term, OnBody)
    a, b = both.scene.find_movable(term.thing), both.scene.find_movable(term.target)
    target = both.theirs.xpos[b.body].copy()
    answers = []
    for _ in range(200):
        radius, angle = rng.choice([0.0, 0.02, 0.029, 0.031]), rng.uniform(-np.pi, np.pi)
        offset = [radius * np.cos(angle), radius * np.sin(angle), rng.uniform(-0.01, 0.03)]
        both.theirs.qpos[a.qpos : a.qpos + 3] = target + offset
        mujoco.mj_forward(both.theirs_model, both.theirs)
        ours = both.goal.is_reached(both.theirs)
        assert ours == both.problem._check_success(), offset
        answers.append(ours)
    assert 20 < sum(answers) < 180
