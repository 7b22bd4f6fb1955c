"""Worlds of the other suites: instructions, starts, snapshots, truth, and what is refused."""

import re
from functools import lru_cache

import numpy as np
import pytest

from aegis.core.errors import AssetError, StartStateError, UnknownNameError
from aegis.core.types import Act, EpisodeKey
from envs.libero.library import SUITES, list_task_names, read_instruction
from envs.libero.world import LiberoWorld
from tests.envs.courses import BOTH, HOLD, assert_same, draw_actions
from tests.envs.suites import FEW, list_tasks, require_official_assets

STEPPINGS = ("exact", "fast")


@lru_cache(maxsize=4)
def open_world(suite: str, stepping: str = "exact") -> LiberoWorld:
    require_official_assets(suite)
    return LiberoWorld(suite, "official", 520, stepping, snapshot_version=2)


def make_key(suite: str, task: int, start: str, index: int) -> EpisodeKey:
    return EpisodeKey(7, suite, task, start, index)


def test_there_are_130_tasks_and_all_have_words_of_their_own() -> None:
    words = [read_instruction(name) for suite in SUITES for name in list_task_names(suite)]
    assert len(words) == 130
    assert not any(re.search(r"scene|[_A-Z]", one) for one in words)


def test_instructions_are_those_that_libero_reads_off_its_names() -> None:
    """Its own function, without the rest of its module, which imports its whole benchmark."""
    assert read_instruction("KITCHEN_SCENE10_put_the_bowl_down") == "put the bowl down"
    assert read_instruction("LIVING_ROOM_SCENE2_pick_up_a_can") == "pick up a can"
    assert read_instruction("open_the_drawer") == "open the drawer"


def test_unknown_suite() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'libero_goal'"):
        LiberoWorld("libero_gaol", "builtin", 220)


def test_a_suite_without_builtin_assets_says_how_to_get_others() -> None:
    with pytest.raises(AssetError, match=r"builtin assets are for libero_spatial; libero_10 needs"):
        LiberoWorld("libero_10", "builtin", 220)


@pytest.mark.parametrize(("suite", "task"), sorted(FEW))
def test_official_starts_end_at_fifty(suite: str, task: int) -> None:
    world = open_world(suite)
    assert world.count_starts("official") == len(world.get_scene(task).official)
    with pytest.raises(StartStateError, match="official starts go from 0 to 49"):
        world.begin(make_key(suite, task, "official", 50))
    with pytest.raises(UnknownNameError, match="start family"):
        world.begin(make_key(suite, task, "narrow", 0))
    with pytest.raises(UnknownNameError, match="start family"):
        world.count_starts("narrow")
    with pytest.raises(UnknownNameError, match="task"):
        world.begin(make_key(suite, len(world.list_tasks()), "official", 0))


@pytest.mark.parametrize(("suite", "task"), list_tasks(*SUITES[1:]))
def test_wide_starts_are_fair(suite: str, task: int) -> None:
    """Each elsewhere, all at rest, upright as LIBERO's own, none a success already."""
    world = open_world(suite)
    digests, scene = set(), world.get_scene(task)
    for index in range(3):
        world.begin(make_key(suite, task, "wide", index))
        digests.add(world.digest())
        truth = world.observe({}).privileged
        data = world._get_simulation(task).data
        assert np.abs(data.qvel[9:]).max() < 0.5
        assert (data.contact.dist > -0.01).all()
        assert not truth["term_met"].all()
        ups = [
            max(
                float(data.xmat[m.body].reshape(3, 3)[2] @ rest.up[i])
                for rest in scene.rests.values()
            )
            for i, m in enumerate(scene.movables)
        ]
        assert min(ups) > 0.97
        assert not world.apply(Act(HOLD.copy())).success
    assert len(digests) == 3


@pytest.mark.parametrize("stepping", STEPPINGS)
@pytest.mark.parametrize(("suite", "task"), sorted(FEW))
def test_a_fork_goes_on_bit_for_bit(suite: str, task: int, stepping: str) -> None:
    """While drawers slide, doors swing and knobs turn, in a world that was elsewhere."""
    world = open_world(suite, stepping)
    other = LiberoWorld(suite, "official", 520, stepping, snapshot_version=2)
    course = draw_actions(task, 24)
    world.begin(make_key(suite, task, "wide", 2))
    sim = world._get_simulation(task)
    for joint in sim.scene.joints:  # as a hand would have set them going
        sim.data.qvel[sim.model.jnt_dofadr[sim.model.joint(joint.name).id]] = -0.8
    taken = {}
    for k, action in enumerate(course):
        if k in (2, 15):
            taken[k] = world.snapshot(), world.observe(BOTH)
        world.apply(Act(action.copy()))
    for k, (state, seen) in taken.items():
        other.restore(state)
        assert_same(other.observe(BOTH), seen)
        for action in course[k:]:
            other.apply(Act(action.copy()))
        assert other.digest() == world.digest()


@pytest.mark.parametrize("stepping", STEPPINGS)
def test_goals_of_joints_are_reached(stepping: str) -> None:
    """The stove is turned on and the drawer opened by hand; the world says so at the next step."""
    for task, name, place in (
        (0, "wooden_cabinet_1_middle_level", -0.15),
        (7, "flat_stove_1_button", 0.6),
    ):
        world = open_world("libero_goal", stepping)
        world.begin(make_key("libero_goal", task, "official", 1))
        sim = world._get_simulation(task)
        before = world.observe({}).privileged
        assert before["term_met"] == [0.0]
        sim.data.qpos[sim.scene.find_joint(name).qpos] = place
        assert world.apply(Act(HOLD.copy())).success
        after = world.observe({}).privileged
        assert after["term_met"] == [1.0]
        assert after["term_joint"] == pytest.approx(place, abs=0.02)
