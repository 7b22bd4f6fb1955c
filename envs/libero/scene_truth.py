"""Truth of a whole scene: what stands where and how large, and the joints that a goal needs.

It says little more than MuJoCo's own arrays, so that it costs next to nothing where nobody reads
it; scripted experts make boxes, grasps and gaps of it.
"""

from __future__ import annotations

from collections.abc import Sequence

import mujoco
import numpy as np

from aegis.core.types import F64
from envs.libero.goals.terms import GoalTerm, InRegion, JointAt, OnBody, OnRegion
from envs.libero.scene import Fixture, Movable, Region, Scene

_NOTHING = -1.0
"""Number of a thing or body where there is none."""


class SceneTruth:
    """Reads where all things of a scene stand, and the doors of its goal.

    A *thing* is a movable object or a fixture, movable ones first. A *door* is the joint that a
    term asks for, or the one that moves the region that its object is to be put into: a drawer, a
    door, a knob.

    Args:
        scene: The task.
    """

    def __init__(self, scene: Scene) -> None:
        model = scene.model
        things: list[Movable | Fixture] = [*scene.movables, *scene.fixtures]
        self._bodies = np.array([thing.body for thing in things])
        self._geoms = np.array([geom for thing in things for geom in thing.geoms])
        self._base = model.body("robot0_base").id
        doors = [_find_door(scene, term) for term in scene.goals]
        self._doors = np.array([-1 if door is None else door for door in doors])
        sites = [_find_site(scene, term) for term in scene.goals]
        self._sites = np.array([-1 if site is None else site for site in sites])
        numbers = {thing.name: float(i) for i, thing in enumerate(things)}
        counts = [len(thing.geoms) for thing in things]
        known = self._doors >= 0
        self._constant = {
            "thing_movable": np.array([float(isinstance(thing, Movable)) for thing in things]),
            "geom_thing": np.repeat(np.arange(float(len(things))), counts),
            "geom_body": model.geom_bodyid[self._geoms].astype(np.float64),
            "geom_size": np.array([_read_half_sides(model, geom) for geom in self._geoms]),
            "term_thing": np.array([numbers[_name_thing(term)] for term in scene.goals]),
            "term_owner": np.array(
                [numbers.get(_name_owner(scene, t), _NOTHING) for t in scene.goals]
            ),
            "door_body": np.where(known, model.jnt_bodyid[self._doors], _NOTHING),
            "door_slides": (model.jnt_type[self._doors] == mujoco.mjtJoint.mjJNT_SLIDE) * 1.0,
            "door_range": np.where(known[:, None], model.jnt_range[self._doors], np.nan),
            "door_limit": np.array([_read_limit(term) for term in scene.goals]),
        }

    def read_truth(self, data: mujoco.MjData) -> dict[str, F64]:
        """Returns truth of t things, their g collision geoms and the n terms of the goal.

        ``robot_base`` [m], (3,). ``thing_pos`` [m], (t, 3); ``thing_mat``, (t, 3, 3);
        ``thing_movable``: 1 for an object, 0 for a fixture, (t,). ``geom_pos`` [m], (g, 3);
        ``geom_mat``, (g, 3, 3); ``geom_size``: half of the sides of its box [m], (g, 3);
        ``geom_thing``: number of its thing, (g,); ``geom_body``: number of its body, (g,).

        ``term_thing``: number of the thing that a term is about, (n,); ``term_owner``: of the one
        that it is to be put on or into, or -1, (n,); ``term_target_mat``: orientation of the
        region, (n, 3, 3), NaN if there is none. ``door_joint``: position of the term's door,
        [rad] or [m], (n,); ``door_axis``, (n, 3); ``door_anchor`` [m], (n, 3); ``door_range``,
        (n, 2); ``door_limit``: from where on the term holds, (n,); NaN if there is none.
        ``door_body``: number of the body that it moves, or -1, (n,); ``door_slides``: 1 for a
        drawer, 0 for what turns, (n,).
        """
        known, doors = self._doors >= 0, self._doors
        region = (self._sites >= 0)[:, None]
        mats = np.where(region, data.site_xmat[self._sites], np.nan)
        joints = np.array([self._read_joint(data, door) for door in doors])
        return {
            "robot_base": data.xpos[self._base].copy(),
            "thing_pos": data.xpos[self._bodies],
            "thing_mat": data.xmat[self._bodies].reshape(-1, 3, 3),
            "geom_pos": data.geom_xpos[self._geoms],
            "geom_mat": data.geom_xmat[self._geoms].reshape(-1, 3, 3),
            "term_target_mat": mats.reshape(-1, 3, 3),
            "door_joint": joints,
            "door_axis": np.where(known[:, None], data.xaxis[doors], np.nan),
            "door_anchor": np.where(known[:, None], data.xanchor[doors], np.nan),
            **self._constant,
        }

    @staticmethod
    def _read_joint(data: mujoco.MjData, door: int) -> float:
        return float(data.qpos[data.model.jnt_qposadr[door]]) if door >= 0 else np.nan


def _find_door(scene: Scene, term: GoalTerm) -> int | None:
    """Returns the id of the joint that a term asks for, or that moves its region."""
    names: Sequence[str] = ()
    match term:
        case JointAt():
            names = term.joints
        case InRegion(_, name):
            names = scene.find_region(name).joints
            if not names:
                names = [
                    joint.name
                    for joint in scene.joints
                    if joint.fixture == scene.find_region(name).owner
                ][:1]
        case _:
            pass
    return scene.model.joint(names[0]).id if names else None


def _find_region(scene: Scene, term: GoalTerm) -> Region | None:
    match term:
        case OnRegion(_, name) | InRegion(_, name):
            return scene.find_region(name)
        case _:
            return None


def _find_site(scene: Scene, term: GoalTerm) -> int | None:
    region = _find_region(scene, term)
    return None if region is None else region.site


def _name_thing(term: GoalTerm) -> str:
    return term.fixture if isinstance(term, JointAt) else term.thing


def _name_owner(scene: Scene, term: GoalTerm) -> str:
    match term:
        case OnBody(_, target):
            return target
        case JointAt():
            return term.fixture
        case _:
            region = _find_region(scene, term)
            return "" if region is None else region.owner


def _read_limit(term: GoalTerm) -> float:
    return term.limit if isinstance(term, JointAt) else np.nan


def _read_half_sides(model: mujoco.MjModel, geom: int) -> F64:
    """Returns half of the sides of a geom's box, in its own frame [m]. Shape (3,)."""
    # The box of geoms that MuJoCo keeps is about their own middle in all that LIBERO has.
    return np.array(model.geom_aabb[geom, 3:])
