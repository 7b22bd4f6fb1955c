"""The fast stepping: it begins where the exact one begins, and stays close to it."""

from collections.abc import Callable

import mujoco
import numpy as np
import pytest

from aegis.core.types import F64, Act, EpisodeKey
from envs.libero.exact_stepper import Stepper
from envs.libero.fast_stepper import FastStepper
from envs.libero.goals.terms import OnBody
from envs.libero.world import LiberoWorld
from envs.panda import STATE_SPEC, read_integration_state
from policies.expert import ScriptedExpert
from tests.envs.reference import TASKS

SUITE = "libero_spatial"
APART = 2e-3
"""How far an object may be from where it is in the exact stepping, after contact [m]."""


def make_key(task: int, index: int = 1) -> EpisodeKey:
    return EpisodeKey(7, SUITE, task, "wide", index)


@pytest.fixture(scope="module")
def worlds() -> tuple[LiberoWorld, LiberoWorld]:
    exact, fast = (LiberoWorld(SUITE, "builtin", 400, stepping) for stepping in ("exact", "fast"))
    return exact, fast


def draw_smooth_action(rng: np.random.Generator, k: int) -> F64:
    phases = rng.uniform(0, 2 * np.pi, 7)
    return 0.5 * np.sin(0.1 * (k + 1) * np.arange(1, 8) / 3 + phases)


COURSES: dict[str, Callable[[int], F64]] = {
    "wild": lambda k: np.random.default_rng(k).uniform(-1, 1, 7) - [0, 0, 0.2, 0, 0, 0, 0],
    "smooth": lambda k: draw_smooth_action(np.random.default_rng(3), k),
}


@pytest.mark.parametrize("task", TASKS)
def test_begins_where_the_exact_one_begins(
    worlds: tuple[LiberoWorld, LiberoWorld], task: int
) -> None:
    exact, fast = worlds
    for index in range(3):
        exact.begin(make_key(task, index))
        fast.begin(make_key(task, index))
        for name, value in exact.observe({}).privileged.items():
            np.testing.assert_array_equal(value, fast.observe({}).privileged[name])
        there = exact.snapshot().values
        physics = len(there) - 3 - 3 - 2  # what observations need besides comes last
        np.testing.assert_array_equal(there[:200], fast.snapshot().values[:200])
        assert physics > 200


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("course", sorted(COURSES))
def test_the_arm_stays_close_in_free_motion(
    worlds: tuple[LiberoWorld, LiberoWorld], task: int, course: str
) -> None:
    """Until the first contact only roundings differ."""
    exact, fast = worlds
    exact.begin(make_key(task))
    fast.begin(make_key(task))
    for k in range(25):
        action = COURSES[course](k).clip(-1, 1).astype(np.float32) * np.float32(0.3)
        action[2] = abs(action[2])  # upwards
        exact.apply(Act(action.copy()))
        fast.apply(Act(action.copy()))
        there, here = exact.observe({}).privileged, fast.observe({}).privileged
        np.testing.assert_allclose(here["ee_pos"], there["ee_pos"], atol=1e-6)
        np.testing.assert_allclose(here["ee_mat"], there["ee_mat"], atol=1e-5)
        np.testing.assert_allclose(here["object_pos"], there["object_pos"], atol=1e-5)


@pytest.mark.parametrize("task", TASKS)
def test_an_expert_does_the_same_in_both(
    worlds: tuple[LiberoWorld, LiberoWorld], task: int
) -> None:
    ends = []
    for world in worlds:
        world.begin(make_key(task))
        expert, k = ScriptedExpert("expert"), 0
        while not world.apply(Act(expert.act(world.observe({})).astype(np.float32))).success:
            k += 1
            assert k < 300
        ends.append((k, world.observe({}).privileged["object_pos"]))
    (ticks, there), (as_many, here) = ends
    assert abs(ticks - as_many) <= 2
    np.testing.assert_allclose(here, there, atol=APART)


@pytest.mark.parametrize("task", TASKS)
def test_the_goal_is_that_of_those_who_are_awake(
    worlds: tuple[LiberoWorld, LiberoWorld], task: int
) -> None:
    """The object is put on the target and everything falls asleep, contacts and all."""
    _, fast = worlds
    fast.begin(make_key(task))
    simulation = fast._get_simulation(task)
    model, data, goal = simulation.model, simulation.data, simulation.goal
    (term,) = simulation.scene.goals
    assert isinstance(term, OnBody)
    thing, target = (simulation.scene.find_movable(name) for name in (term.thing, term.target))
    data.qpos[thing.qpos : thing.qpos + 3] = data.xpos[target.body] + [0.0, 0.0, 0.03]
    data.qvel[:] = 0.0
    still = np.array([0, 0, 0, 0, 0, 0, -1.0])
    answers = [simulation.step(still) for _ in range(60)]
    assert data.tree_asleep[model.body_treeid[thing.body]] >= 0
    assert data.ncon == 0
    assert answers[-1]
    awake = mujoco.MjData(model)
    model.opt.enableflags = 0
    mujoco.mj_setState(model, awake, read_integration_state(model, data), STATE_SPEC)
    mujoco.mj_forward(model, awake)
    assert goal.is_reached(awake)


def test_a_sleeping_world_leaves_the_shared_model_as_it_was(
    worlds: tuple[LiberoWorld, LiberoWorld],
) -> None:
    _, fast = worlds
    fast.begin(make_key(0))
    fast.apply(Act(np.zeros(7, np.float32)))
    fast.observe({})
    fast.restore(fast.snapshot())
    assert fast.get_scene(0).model.opt.enableflags == 0


@pytest.mark.parametrize("task", TASKS)
def test_one_substep_of_torques_differs_by_roundings(
    worlds: tuple[LiberoWorld, LiberoWorld], task: int
) -> None:
    """From the same state, with nobody asleep yet, one control step ends in the same place."""
    exact, _ = worlds
    rng = np.random.default_rng(task)
    exact.begin(make_key(task))
    scene = exact.get_scene(task)
    for _ in range(20):
        state = exact._get_simulation(task).read_state()
        size = mujoco.mj_stateSize(scene.model, STATE_SPEC)
        action, ends = rng.uniform(-1, 1, 7), []
        for stepper_class in (Stepper, FastStepper):
            data = mujoco.MjData(scene.model)
            stepper = stepper_class(scene.model, data)
            scene.model.opt.enableflags = 0
            mujoco.mj_setState(scene.model, data, state[:size], STATE_SPEC)
            stepper.reset()
            stepper._set_controller_state(state[size : size + 21])
            stepper.step(action)
            ends.append(data.qpos[:9].copy())
        np.testing.assert_allclose(ends[0], ends[1], atol=1e-9)
        exact.apply(Act(action.astype(np.float32)))
