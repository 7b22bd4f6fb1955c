"""LIBERO's success predicate ``On``, evaluated without LIBERO."""

from __future__ import annotations

import mujoco
import numpy as np

from envs.libero.scene import Scene

ON_RADIUS = 0.03
"""Largest horizontal distance between object and target [m] (LIBERO's ``check_ontop``)."""


class Goal:
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
            a, b = scene.movable(name), scene.movable(target)
            mask_a, mask_b = np.zeros((2, scene.model.ngeom), dtype=bool)
            mask_a[list(a.geoms)] = True
            mask_b[list(b.geoms)] = True
            self._pairs.append((a.body, b.body, mask_a, mask_b))

    def reached(self, data: mujoco.MjData) -> bool:
        """Returns whether all goals hold in the kinematics that ``data`` carries."""
        for body, target, mask, target_mask in self._pairs:
            p, q = data.xpos[body], data.xpos[target]
            if p[2] < q[2] or np.hypot(p[0] - q[0], p[1] - q[1]) >= ON_RADIUS:
                return False
            geom = data.contact.geom
            if geom.shape[0] == 0:
                return False
            one, two = geom[:, 0], geom[:, 1]
            if not ((mask[one] & target_mask[two]) | (mask[two] & target_mask[one])).any():
                return False
        return True
