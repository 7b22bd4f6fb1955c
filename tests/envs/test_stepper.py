"""Our control step equals robosuite's ``env.step`` bit for bit, in free motion and in contact."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from policies.expert import ScriptedExpert
from tests.envs.reference import TASKS, Reference


def draw_smooth_actions(rng: np.random.Generator) -> Iterator[np.ndarray]:
    action, target = np.zeros(7), np.zeros(7)
    for k in range(40):
        if k % 10 == 0:
            target = rng.uniform(-1, 1, 7)
        action = np.clip(0.8 * action + 0.3 * target, -1, 1)
        # Without rotation robosuite keeps the old goal orientation, a branch of its own.
        yield action * ([1, 1, 1, 0, 0, 0, 1] if k % 7 == 0 else 1.0)


def draw_pressing_actions(rng: np.random.Generator) -> Iterator[np.ndarray]:
    for _ in range(40):
        yield np.array([*rng.uniform(-0.3, 0.3, 2), -1.0, *rng.uniform(-0.3, 0.3, 3), 1.0])


def draw_wild_actions(rng: np.random.Generator) -> Iterator[np.ndarray]:
    for _ in range(40):
        yield rng.uniform(-1.5, 1.5, 7)  # beyond the limits, where robosuite clips


@pytest.mark.parametrize("task", TASKS)
def test_equal_to_robosuite(
    reference: Callable[[int, str], Reference], task: int, assets: str
) -> None:
    both, expert = reference(task, assets), ScriptedExpert("expert")
    both.begin(index=3)
    for k in range(110):
        assert both.step(expert.act(both.observe())), f"expert, tick {k}"
    touched = both.data.ncon
    for course in (draw_smooth_actions, draw_pressing_actions, draw_wild_actions):
        for k, action in enumerate(course(np.random.default_rng(task))):
            assert both.step(action), f"{course.__name__}, tick {k}"
            touched = max(touched, both.data.ncon)
    assert touched > 10  # an empty table would prove little
