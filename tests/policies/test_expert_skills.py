"""The scripted expert's skills on boxes put by hand: no simulator, no assets."""

import numpy as np
import pytest

from aegis.core.errors import ConfigError
from aegis.core.protocols import Query
from aegis.core.types import F64, EpisodeKey, Observation
from policies.expert import ScriptedExpert
from policies.expert.grasp import choose_grasp, is_holding, list_centre_grasps, list_rim_grasps
from policies.expert.hand_motion import CLOSE, OPEN
from policies.expert.placing import Place, plan_carry
from policies.expert.scene_view import SceneView
from policies.expert.task_plan import CLOSED, IN_REGION, check_goal, plan_task

DOWN = np.array([[0.0, 1, 0], [1, 0, 0], [0, 0, -1]])  # the fingers along y


def make_truth(
    boxes: list[tuple[int, tuple[float, ...], tuple[float, ...]]],
    ee: tuple[float, float, float] = (-0.2, 0.0, 0.3),
    gap: float = 0.08,
) -> dict[str, F64]:
    """Truth of boxes (thing, middle [m], half of the sides [m]); thing 0 goes onto thing 1."""
    owner = np.array([float(thing) for thing, _, _ in boxes])
    pos = np.array([middle for _, middle, _ in boxes])
    things = int(owner.max()) + 1
    return {
        "object_pos": pos[0],
        "robot_base": np.array([-0.6, 0.0, 0.0]),
        "ee_pos": np.array(ee),
        "ee_mat": DOWN,
        "ee_vel": np.zeros(3),
        "fingers": np.array([gap / 2, -gap / 2, 0.0, 0.0]),
        "thing_pos": np.array([pos[owner == thing].mean(axis=0) for thing in range(things)]),
        "thing_movable": np.ones(things),
        "geom_pos": pos,
        "geom_mat": np.tile(np.eye(3), (len(boxes), 1, 1)),
        "geom_size": np.array([size for _, _, size in boxes]),
        "geom_thing": owner,
        "geom_body": owner,
        "term_kind": np.array([0.0]),
        "term_met": np.array([0.0]),
        "term_thing": np.array([0.0]),
        "term_owner": np.array([1.0]),
        "term_object_start": pos[:1],
        "term_target_pos": pos[owner == 1][:1],
        "term_target_size": np.full((1, 3), np.nan),
        "term_target_mat": np.full((1, 3, 3), np.nan),
        "door_body": np.array([-1.0]),
        "door_slides": np.array([0.0]),
    }


CAN = (0, (0.0, 0.0, 0.04), (0.02, 0.02, 0.04))
PLATE = (1, (0.2, 0.2, 0.01), (0.06, 0.06, 0.01))


@pytest.mark.parametrize("side", [(1, 0), (0, 1)])
def test_fingers_go_where_no_neighbour_stands(side: tuple[int, int]) -> None:
    x, y = 0.07 * np.array(side)
    neighbours = [(2, (s * x, s * y, 0.07), (0.02, 0.02, 0.07)) for s in (-1.0, 1.0)]
    grasp = choose_grasp(SceneView(make_truth([CAN, PLATE, *neighbours])), 0)
    assert abs(grasp.axis @ side) < 0.5
    np.testing.assert_allclose(grasp.pos[:2], 0.0, atol=1e-6)


def test_a_box_is_grasped_across_its_narrow_side() -> None:
    box = (0, (0.0, 0.0, 0.01), (0.06, 0.02, 0.01))
    grasps = list_centre_grasps(SceneView(make_truth([box, PLATE])), 0)
    assert grasps
    assert all(abs(grasp.axis[1]) > 0.95 for grasp in grasps)


def test_what_is_too_wide_is_grasped_by_its_rim() -> None:
    walls = [(0, (s * 0.05, 0.0, 0.03), (0.003, 0.05, 0.03)) for s in (-1.0, 1.0)]
    walls += [(0, (0.0, s * 0.05, 0.03), (0.05, 0.003, 0.03)) for s in (-1.0, 1.0)]
    view = SceneView(make_truth([*walls, PLATE]))
    assert not list_centre_grasps(view, 0)
    grasps = list_rim_grasps(view, 0)
    assert len(grasps) >= 4
    assert all(np.abs(grasp.pos[:2]).max() > 0.045 for grasp in grasps)


@pytest.mark.parametrize(("gap", "held"), [(0.04, True), (0.079, False), (0.002, False)])
def test_holds_what_is_as_wide_as_the_gap(gap: float, held: bool) -> None:
    view = SceneView(make_truth([CAN, PLATE], ee=(0.0, 0.0, 0.05), gap=gap))
    assert is_holding(view, 0) is held
    assert not is_holding(view, 1)


def test_carries_up_then_over_then_lets_go() -> None:
    place = Place(np.array([0.2, 0.2]), 0.02)
    low = SceneView(make_truth([CAN, PLATE], ee=(0.0, 0.0, 0.05), gap=0.04))
    goal = plan_carry(low, 0, place)
    assert goal.gripper == CLOSE
    assert goal.pos[2] > 0.07
    np.testing.assert_allclose(goal.pos[:2], 0.0, atol=1e-9)
    high = (0, (0.0, 0.0, 0.2), (0.02, 0.02, 0.04))
    goal = plan_carry(SceneView(make_truth([high, PLATE], ee=(0, 0, 0.2), gap=0.04)), 0, place)
    np.testing.assert_allclose(goal.pos[:2], [0.2, 0.2], atol=1e-9)
    there = (0, (0.2, 0.2, 0.063), (0.02, 0.02, 0.04))
    view = SceneView(make_truth([there, PLATE], ee=(0.2, 0.2, 0.07), gap=0.04))
    assert plan_carry(view, 0, place).gripper == OPEN


def test_comes_down_only_above_the_grasp() -> None:
    far = plan_task(make_truth([CAN, PLATE], ee=(-0.2, 0.0, 0.02)))
    assert far.pos[2] > 0.08
    near = plan_task(make_truth([CAN, PLATE], ee=(0.0, 0.0, 0.2)))
    assert near.pos[2] < 0.08
    assert near.gripper == OPEN
    there = plan_task(make_truth([CAN, PLATE], ee=(0.0, 0.0, 0.047)))
    assert there.gripper == CLOSE


def test_doors_on_hinges_are_refused_by_name() -> None:
    truth = make_truth([CAN, PLATE])
    truth |= {"term_kind": np.array([float(CLOSED)]), "door_body": np.array([5.0])}
    query = Query(
        EpisodeKey(0, "libero_10", 9, "official", 0),
        0,
        Observation(0, np.zeros(8, np.float32), {}, "close it", truth),
    )
    with pytest.raises(ConfigError, match="'Close' with a door on a hinge"):
        ScriptedExpert("expert").propose([query])
    truth["term_kind"] = np.array([float(IN_REGION)])
    with pytest.raises(ConfigError, match="'shut it', 'In' with a door on a hinge"):
        check_goal(truth, "shut it")
