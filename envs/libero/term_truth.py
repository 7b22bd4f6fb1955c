"""Truth of one term of a goal: what is to be moved, and where to."""

from __future__ import annotations

from collections.abc import Sequence

import mujoco
import numpy as np
from numpy.typing import NDArray

from aegis.core.types import F64
from envs.libero.goals.terms import GoalTerm, InRegion, JointAt, OnBody, OnRegion
from envs.libero.scene import Scene


class TermTruth:
    """What a term is about, by ids.

    Args:
        thing: Name of the object, or of the fixture whose joint is to be moved.
        body: Id of the object's body, or of the one that the joint moves.
        geoms: Mask of its collision geoms. Shape (ngeom,).
        target: Id of the body that it is to be put on, if it is one.
        site: Id of the region's site that it is to be put on or into, if it is one.
        size: Half of the sides of that region [m]; NaN if there is none. Shape (3,).
        joint: Address of the joint in qpos, if the term is about one.
    """

    def __init__(
        self,
        thing: str,
        body: int,
        geoms: NDArray[np.bool_],
        *,
        target: int | None = None,
        site: int | None = None,
        size: Sequence[float] = (np.nan,) * 3,
        joint: int | None = None,
    ) -> None:
        self.thing, self.geoms = thing, geoms
        self.size = np.array(size, dtype=np.float64)
        self._body, self._target, self._site, self._joint = body, target, site, joint

    def read_pos(self, data: mujoco.MjData) -> F64:
        """Returns where the object is [m]. Shape (3,)."""
        return np.array(data.xpos[self._body])

    def read_mat(self, data: mujoco.MjData) -> F64:
        """Returns the object's orientation. Shape (3, 3)."""
        return np.array(data.xmat[self._body].reshape(3, 3))

    def read_target(self, data: mujoco.MjData) -> F64:
        """Returns where it is to be put [m]; NaN if a joint is to be moved. Shape (3,)."""
        if self._target is not None:
            return np.array(data.xpos[self._target])
        return np.full(3, np.nan) if self._site is None else np.array(data.site_xpos[self._site])

    def read_joint(self, data: mujoco.MjData) -> float:
        """Returns the joint's position, [rad] or [m]; NaN if the term is about none."""
        return np.nan if self._joint is None else float(data.qpos[self._joint])


def make_term_truth(scene: Scene, term: GoalTerm) -> TermTruth:
    """Returns what a term of a scene's goal is about."""
    match term:
        case OnBody(thing, target):
            geoms = mask_geoms(scene, scene.find_geoms(thing))
            body, target_body = scene.find_body(thing), scene.find_body(target)
            return TermTruth(thing, body, geoms, target=target_body)
        case OnRegion(thing, name) | InRegion(thing, name):
            geoms, region = mask_geoms(scene, scene.find_geoms(thing)), scene.find_region(name)
            body = scene.find_body(thing)
            return TermTruth(thing, body, geoms, site=region.site, size=region.size)
        case JointAt():
            joint = scene.find_joint(term.joints[0])
            moved = mask_geoms(scene, _list_moved_geoms(scene.model, joint.body))
            return TermTruth(term.fixture, joint.body, moved, joint=joint.qpos)


def mask_geoms(scene: Scene, geoms: Sequence[int]) -> NDArray[np.bool_]:
    """Returns a mask of geoms. Shape (ngeom,)."""
    mask = np.zeros(scene.model.ngeom, dtype=bool)
    mask[list(geoms)] = True
    return mask


def _list_moved_geoms(model: mujoco.MjModel, body: int) -> list[int]:
    """Returns the ids of the geoms that move with a body."""
    moved = {body}
    for child in range(body + 1, model.nbody):  # parents come before their children
        if model.body_parentid[child] in moved:
            moved.add(child)
    return [geom for geom in range(model.ngeom) if int(model.geom_bodyid[geom]) in moved]
