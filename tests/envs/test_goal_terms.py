"""Every kind of goal says what LIBERO's own predicates say, in a task that is made for it."""

from collections.abc import Iterator
from pathlib import Path

import mujoco
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis.core.errors import ConfigError
from envs.libero.goals.terms import (
    ABOVE,
    AT_LEAST,
    BELOW,
    GoalTerm,
    InRegion,
    JointAt,
    OnBody,
    OnRegion,
    describe_term,
    list_named_things,
    pack_term,
    unpack_term,
)
from envs.libero.library import find_package_root, list_task_names
from tests.envs.courses import SUITE
from tests.envs.near_goal import put_near_goal
from tests.envs.reference import Reference

GOALS = {
    "on a body": "(On akita_black_bowl_1 plate_1)",
    "on a fixture": "(On akita_black_bowl_1 wooden_cabinet_1)",
    "on a region of a fixture": "(On plate_1 wooden_cabinet_1_top_side)",
    "on the stove": "(On akita_black_bowl_1 flat_stove_1_cook_region)",
    "on the table": "(On plate_1 main_table_table_front)",
    "in a drawer": "(In akita_black_bowl_1 wooden_cabinet_1_top_region)",
    "open a drawer": "(Open wooden_cabinet_1_middle_region)",
    "open any drawer": "(Open wooden_cabinet_1)",
    "close a drawer": "(Close wooden_cabinet_1_bottom_region)",
    "close all drawers": "(Close wooden_cabinet_1)",
    "turn on": "(TurnOn flat_stove_1)",
    "turn off": "(TurnOff flat_stove_1)",
    "three at once": "(Open wooden_cabinet_1_top_region) (TurnOn flat_stove_1) (On plate_1 "
    "main_table_table_front)",
}


def make_file(folder: Path, goal: str) -> Path:
    name = list_task_names(SUITE)[0]
    text = (find_package_root() / "bddl_files" / SUITE / f"{name}.bddl").read_text("utf-8")
    assert text.count("(On akita_black_bowl_1 plate_1)") == 1
    path = folder / "made.bddl"
    path.write_text(text.replace("(On akita_black_bowl_1 plate_1)", goal), "utf-8")
    return path


@pytest.fixture(scope="module", params=GOALS.values(), ids=GOALS.keys())
def both(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Reference]:
    made = Reference.from_file(make_file(tmp_path_factory.mktemp("made"), request.param))
    yield made
    made.close()


def test_terms_hold_where_they_hold_in_libero(both: Reference) -> None:
    both.begin(index=0)
    both.show()
    rng = np.random.default_rng(3)
    seen: list[set[bool]] = [set() for _ in both.scene.goals]
    reached = set()
    for _ in range(150):
        put_near_goal(both, rng)
        ours = both.goal.check_terms(both.theirs)
        assert ours == both.check_their_terms(), list(map(describe_term, both.scene.goals))
        assert both.goal.is_reached(both.theirs) == both.problem._check_success()
        reached.add(both.goal.is_reached(both.theirs))
        for known, now in zip(seen, ours, strict=True):
            known.add(now)
    # A bowl and a cabinet, whose origin is its foot, cannot touch within 3 cm: never in LIBERO.
    assert all(known == {True, False} for known in seen) or isinstance(both.scene.goals[0], OnBody)
    assert reached == {True, False} or "cabinet" in str(both.scene.goals[0])


def test_truth_tells_of_each_term(both: Reference) -> None:
    """What it points to is where the thing is, and the present term is the first unmet one."""
    both.begin(index=0)
    truth = both.observe().privileged
    n = len(both.scene.goals)
    for name, shape in {"term_met": (n,), "term_target_pos": (n, 3), "term_touch": (n, 2)}.items():
        assert truth[name].shape == shape
    met = both.goal.check_terms(both.data)
    now = met.index(False) if not all(met) else n - 1
    np.testing.assert_array_equal(truth["object_pos"], truth["term_object_pos"][now])
    np.testing.assert_array_equal(truth["object_start"], truth["term_object_start"][now])
    for i, term in enumerate(both.scene.goals):
        if isinstance(term, JointAt):
            place = both.scene.find_joint(term.joints[0]).qpos
            assert truth["term_joint"][i] == both.data.qpos[place]
            assert np.isnan(truth["term_target_pos"][i]).all()
        else:
            place = both.scene.find_movable(term.thing).qpos
            np.testing.assert_allclose(
                truth["term_object_pos"][i], both.data.qpos[place : place + 3], atol=1e-12
            )
            assert np.isnan(truth["term_joint"][i])
            assert np.isfinite(truth["term_target_pos"][i]).all()


@pytest.mark.parametrize(
    "goal",
    [
        "(Up akita_black_bowl_1)",
        "(In akita_black_bowl_1 plate_1)",
        "(On wooden_cabinet_1 plate_1)",
        "(TurnOn wooden_cabinet_1)",
        "(Open flat_stove_1)",
        "(Open plate_1)",
    ],
)
def test_goals_that_no_task_has_are_refused(goal: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"is not supported|is not known to"):
        Reference.from_file(make_file(tmp_path, goal))


names = st.text("abc_1", min_size=1, max_size=8)
joints = st.builds(
    JointAt,
    predicate=st.sampled_from(["open", "close", "turnon", "turnoff"]),
    fixture=names,
    joints=st.lists(names, min_size=1, max_size=3).map(tuple),
    comparison=st.sampled_from([BELOW, ABOVE, AT_LEAST]),
    limit=st.floats(-4, 4),
    every=st.booleans(),
)
terms: st.SearchStrategy[GoalTerm] = st.one_of(
    st.builds(OnBody, names, names),
    st.builds(OnRegion, names, names),
    st.builds(InRegion, names, names),
    joints,
)


@given(terms)
def test_a_term_survives_being_packed(term: GoalTerm) -> None:
    assert unpack_term(pack_term(term)) == term


@given(st.lists(terms, max_size=4))
def test_named_things_are_named_once(goals: list[GoalTerm]) -> None:
    found = list_named_things(goals)
    assert len(set(found)) == len(found)
    assert all(any(name in describe_term(term) for term in goals) for name in found)


def test_the_awake_and_the_sleeping_agree_on_a_drawer(tmp_path: Path) -> None:
    """What sleeps on a fixture has no contacts; a fixture is in no tree, and its drawers are."""
    both = Reference.from_file(make_file(tmp_path, GOALS["on a region of a fixture"]))
    both.begin(index=0)
    region = both.scene.find_region("wooden_cabinet_1_top_side")
    place = both.scene.find_movable("plate_1").qpos
    both.data.qpos[place : place + 3] = both.data.site_xpos[region.site] + [0, 0, 0.01]
    both.data.qvel[:] = 0.0
    mujoco.mj_forward(both.model, both.data)
    both.stepper.settle_bodies(20)
    mujoco.mj_forward(both.model, both.data)
    assert both.goal.is_reached(both.data)
    both.scene.model.body_pos[:] = both.model.body_pos  # This is what the checker looks at.
    both.data.tree_asleep[:] = 0  # All sleep, and contacts are gone.
    both.data.ncon = 0
    assert both.goal.is_reached(both.data)
    both.close()
