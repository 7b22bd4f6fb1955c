"""Simulator truth for scripted experts and logs; a policy on a robot never sees it."""

from __future__ import annotations

import mujoco
import numpy as np

from aegis.core.types import F64
from envs.libero.scene import Scene
from envs.panda import HandReader

_FINGER_PADS = ("gripper0_finger1_pad_collision", "gripper0_finger2_pad_collision")


class TruthReader:
    """Reads the privileged part of an observation.

    Args:
        scene: The task.

    Attributes:
        start: Where the object stood at tick 0 [m]. Shape (3,).
    """

    def __init__(self, scene: Scene) -> None:
        name, target = scene.goals[0]
        self._object, self._target = scene.find_movable(name), scene.find_movable(target)
        model = scene.model
        self._hand = HandReader(model)
        self.start = np.zeros(3)
        self._geoms = np.zeros(model.ngeom, dtype=bool)
        self._geoms[list(self._object.geoms)] = True
        self._pads = [model.geom(pad).id for pad in _FINGER_PADS]
        self._drawer = None
        if self._object.inside:
            self._drawer = model.site(f"{self._object.support}_top_region").id
            self._drawer_size = model.site_size[self._drawer]

    def remember_start(self, data: mujoco.MjData) -> None:
        """Remembers where the object stands when an episode starts."""
        self.start = data.xpos[self._object.body].copy()

    def read_truth(self, data: mujoco.MjData) -> dict[str, F64]:
        """Returns simulator truth by name, from current kinematics.

        ``object_pos``, ``object_mat``, ``target_pos``: what to pick and where to put it [m], (3,),
        (3, 3), (3,). ``object_start``: where the object stood at tick 0 [m], (3,). ``ee_pos``,
        ``ee_mat``, ``ee_vel``, ``fingers``: see `envs.panda.HandReader`. ``touch``: whether
        each finger pad touches the object, (2,). ``drawer_axis``: horizontal unit vector along
        the drawer's width, (2,), NaN unless the object lies in a drawer.
        """
        return {
            "object_pos": data.xpos[self._object.body].copy(),
            "object_start": self.start,
            "object_mat": data.xmat[self._object.body].reshape(3, 3).copy(),
            "target_pos": data.xpos[self._target.body].copy(),
            **self._hand.read_truth(data),
            "touch": self._read_touch(data),
            "drawer_axis": self._read_drawer_axis(data),
        }

    def _read_touch(self, data: mujoco.MjData) -> F64:
        """Returns 1 for each finger pad that touches the object, else 0. Shape (2,)."""
        touch = np.zeros(2)
        geom = data.contact.geom
        for i, pad in enumerate(self._pads):
            other = np.concatenate((geom[geom[:, 0] == pad, 1], geom[geom[:, 1] == pad, 0]))
            touch[i] = self._geoms[other].any()
        return touch

    def _read_drawer_axis(self, data: mujoco.MjData) -> F64:
        """Returns the unit vector along the drawer's width, or NaN out of one. Shape (2,)."""
        if self._drawer is None:
            return np.full(2, np.nan)
        frame = data.site_xmat[self._drawer].reshape(3, 3)
        local = frame.T @ (data.xpos[self._object.body] - data.site_xpos[self._drawer])
        if (np.abs(local) > self._drawer_size + 0.03).any():
            return np.full(2, np.nan)
        # The site's longest horizontal side is the drawer's width.
        # Within 45 degrees of the horizontal.
        horizontal = [i for i in range(3) if abs(frame[2, i]) < 0.7]
        widest = max(horizontal, key=lambda i: float(self._drawer_size[i]))
        axis = frame[:2, widest]
        return np.asarray(axis / np.linalg.norm(axis), dtype=np.float64)
