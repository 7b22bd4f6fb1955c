"""LIBERO's success predicates, evaluated without LIBERO.

Its quirks are kept, since they decide what counts as a success: ``In`` tests no contact and lowers
the floor of its box by 1 cm; ``On`` a region turns the offset by the region's orientation rather
than by its inverse; one open joint opens a cabinet, and only all closed ones close it. Positions
are those of the last physics substep, which lag one substep behind the joints' angles.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import TypeAlias

import mujoco
import numpy as np
from numpy.typing import NDArray

from envs.libero.goals.terms import (
    ABOVE,
    AT_LEAST,
    BELOW,
    GoalTerm,
    InRegion,
    JointAt,
    OnBody,
    OnRegion,
)
from envs.libero.scene import Region, Scene

Mask: TypeAlias = NDArray[np.bool_]
Test: TypeAlias = Callable[[mujoco.MjData], bool]

ON_RADIUS = 0.03
"""Largest horizontal distance between object and target [m] (LIBERO's ``check_ontop``)."""
FLOOR_MARGIN = 0.01
"""How far below its box an object is still in a region [m] (``in_box``)."""
TOP_MARGIN = 0.005
"""How far below a region's top an object is still on it [m] (``under``)."""
TOP_HEIGHT = 0.10
"""How far above a region's top an object is still on it [m] (``under``)."""
_COMPARISONS = {BELOW: operator.lt, ABOVE: operator.gt, AT_LEAST: operator.ge}


class GoalChecker:
    """Checks a scene's goal on a simulation state.

    The cheap tests of a term come first; contacts are scanned only near success.

    Args:
        scene: The task.

    Attributes:
        terms: The terms of the goal.
    """

    def __init__(self, scene: Scene) -> None:
        self.terms = scene.goals
        self._scene, self._model = scene, scene.model
        self._scratch: mujoco.MjData | None = None
        self._tests: list[Test] = [self._make_test(term) for term in scene.goals]

    def is_reached(self, data: mujoco.MjData) -> bool:
        """Returns whether all terms hold in the kinematics that ``data`` carries."""
        return all(test(data) for test in self._tests)

    def check_terms(self, data: mujoco.MjData) -> tuple[bool, ...]:
        """Returns for each term whether it holds in the kinematics that ``data`` carries."""
        return tuple(test(data) for test in self._tests)

    def _make_test(self, term: GoalTerm) -> Test:
        match term:
            case OnBody(thing, target):
                return self._make_on_body(thing, target)
            case OnRegion(thing, region):
                return self._make_on_region(thing, self._scene.find_region(region))
            case InRegion(thing, region):
                return self._make_in_region(thing, self._scene.find_region(region))
            case JointAt():
                return self._make_joint_at(term)

    def _make_on_body(self, thing: str, target: str) -> Test:
        a, b = self._scene.find_body(thing), self._scene.find_body(target)
        touch = self._make_touch(thing, target)

        def is_on(data: mujoco.MjData) -> bool:
            p, q = data.xpos[a], data.xpos[b]
            if p[2] < q[2] or not np.linalg.norm(p[:2] - q[:2]) < ON_RADIUS:
                return False
            return touch(data)

        return is_on

    def _make_on_region(self, thing: str, region: Region) -> Test:
        body, size = self._scene.find_body(thing), np.array(region.size)
        touch = self._make_touch(thing, region.owner) if region.owner else None

        def is_on(data: mujoco.MjData) -> bool:
            frame = data.site_xmat[region.site].reshape(3, 3)
            x, y, z = frame @ (data.xpos[body] - data.site_xpos[region.site])
            if not size[2] - TOP_MARGIN < z < size[2] + TOP_HEIGHT:
                return False
            if not (abs(x) < size[0] and abs(y) < size[1]):
                return False
            return touch is None or touch(data)

        return is_on

    def _make_in_region(self, thing: str, region: Region) -> Test:
        body, size = self._scene.find_body(thing), np.array(region.size)

        def is_in(data: mujoco.MjData) -> bool:
            reach = np.abs(data.site_xmat[region.site].reshape(3, 3) @ size)
            low, high = data.site_xpos[region.site] - reach, data.site_xpos[region.site] + reach
            low[2] -= FLOOR_MARGIN
            place = data.xpos[body]
            return bool((place > low).all() and (place < high).all())

        return is_in

    def _make_joint_at(self, term: JointAt) -> Test:
        places = [self._scene.find_joint(name).qpos for name in term.joints]
        compare, combine = _COMPARISONS[term.comparison], all if term.every else any

        def is_at(data: mujoco.MjData) -> bool:
            return combine(bool(compare(data.qpos[place], term.limit)) for place in places)

        return is_at

    def _make_touch(self, thing: str, target: str) -> Test:
        """Returns a test of whether collision geoms of two things touch."""
        one, two = self._scene.find_geoms(thing), self._scene.find_geoms(target)
        mask, target_mask = self._mask_geoms(one), self._mask_geoms(two)
        bodies = self._model.geom_bodyid[[*one, *two]]
        # What is fixed is in no tree, and a fixture's drawers and doors are in trees of their own.
        trees = np.unique(self._model.body_treeid[bodies])
        trees = trees[trees >= 0]

        def touch(data: mujoco.MjData) -> bool:
            if _geoms_touch(data, mask, target_mask):
                return True
            # What sleeps has no contacts.
            return bool((data.tree_asleep[trees] >= 0).any()) and _geoms_touch(
                self._wake_copy(data), mask, target_mask
            )

        return touch

    def _mask_geoms(self, geoms: Sequence[int]) -> Mask:
        """Returns a mask of geoms. Shape (ngeom,)."""
        mask = np.zeros(self._model.ngeom, dtype=bool)
        mask[list(geoms)] = True
        return mask

    def _wake_copy(self, data: mujoco.MjData) -> mujoco.MjData:
        """Returns the same positions with the contacts of those who sleep."""
        if self._scratch is None:
            self._scratch = mujoco.MjData(self._model)
        self._scratch.qpos[:] = data.qpos
        mujoco.mj_kinematics(self._model, self._scratch)
        mujoco.mj_collision(self._model, self._scratch)
        return self._scratch


def _geoms_touch(data: mujoco.MjData, mask: Mask, target_mask: Mask) -> bool:
    """Returns whether a geom of one mask touches one of the other. Shape (ngeom,) each."""
    geom = data.contact.geom
    one, two = geom[:, 0], geom[:, 1]
    return bool(((mask[one] & target_mask[two]) | (mask[two] & target_mask[one])).any())
