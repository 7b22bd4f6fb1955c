"""LIBERO's success predicate ``On``, evaluated without LIBERO."""

from __future__ import annotations

from typing import TypeAlias

import mujoco
import numpy as np
from numpy.typing import NDArray

from envs.libero.scene import Scene

Mask: TypeAlias = NDArray[np.bool_]

ON_RADIUS = 0.03
"""Largest horizontal distance between object and target [m] (LIBERO's ``check_ontop``)."""


class GoalChecker:
    """Checks a scene's goals on a simulation state.

    ``On(a, b)`` is true when b's origin is not above a's, the two are within 3 cm horizontally,
    and collision geoms of both touch. The cheap tests come first; contacts are scanned only near
    success.

    Args:
        scene: The task.
    """

    def __init__(self, scene: Scene) -> None:
        self._pairs = []
        for name, target in scene.goals:
            a, b = scene.find_movable(name), scene.find_movable(target)
            mask_a, mask_b = np.zeros((2, scene.model.ngeom), dtype=bool)
            mask_a[list(a.geoms)] = True
            mask_b[list(b.geoms)] = True
            self._pairs.append((a.body, b.body, mask_a, mask_b))
        self._model = scene.model
        self._scratch: mujoco.MjData | None = None

    def is_reached(self, data: mujoco.MjData) -> bool:
        """Returns whether all goals hold in the kinematics that ``data`` carries."""
        return all(self._is_on(data, *pair) for pair in self._pairs)

    def _is_on(
        self, data: mujoco.MjData, body: int, target: int, mask: Mask, target_mask: Mask
    ) -> bool:
        """Returns whether a body is on a target; masks of their collision geoms, shape (ngeom,)."""
        p, q = data.xpos[body], data.xpos[target]
        if p[2] < q[2] or np.hypot(p[0] - q[0], p[1] - q[1]) >= ON_RADIUS:
            return False
        if _geoms_touch(data, mask, target_mask):
            return True
        trees = self._model.body_treeid[[body, target]]
        # What sleeps has no contacts.
        return bool((data.tree_asleep[trees] >= 0).any()) and _geoms_touch(
            self._wake_copy(data), mask, target_mask
        )

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
