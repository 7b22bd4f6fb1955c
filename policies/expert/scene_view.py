"""What the expert sees: the boxes of all things, and what lies between its fingers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from aegis.core.types import F64

FINGER_REACH = 0.042
"""How far from the grip site, along the finger axis, things can be between the fingers [m]."""
_PAD = 0.006
"""Half of what a finger's pad covers across the finger axis [m]."""

Mask = NDArray[np.bool_]


class SceneView:
    """Geometry of one observation's truth; see `envs.libero.scene_truth` for its arrays.

    Args:
        truth: Simulator truth by name.

    Attributes:
        truth: The same.
        low: Lower corners of the boxes around all geoms [m]. Shape (g, 3).
        high: Upper corners [m]. Shape (g, 3).
        owner: Number of each geom's thing. Shape (g,).
        ee: Position of the grip site [m]. Shape (3,).
    """

    def __init__(self, truth: Mapping[str, F64]) -> None:
        self.truth, self.ee = truth, truth["ee_pos"]
        self.owner = truth["geom_thing"]
        reach = np.einsum("gij,gj->gi", np.abs(truth["geom_mat"]), truth["geom_size"])
        self.low, self.high = truth["geom_pos"] - reach, truth["geom_pos"] + reach

    @property
    def finger_axis(self) -> F64:
        """Horizontal direction of the fingers. Shape (2,)."""
        axis = self.truth["ee_mat"][:2, 0]
        return np.asarray(axis / max(float(np.hypot(*axis)), 1e-6))

    def mask_thing(self, thing: int) -> Mask:
        """Returns which geoms are of a thing. Shape (g,)."""
        return np.asarray(self.owner == thing)

    def read_box(self, thing: int) -> tuple[F64, F64]:
        """Returns the lower and upper corner of a thing's box [m]. Shapes (3,)."""
        mask = self.mask_thing(thing)
        return self.low[mask].min(axis=0), self.high[mask].max(axis=0)

    def find_top(self, mask: Mask, start: F64, end: F64, margin: F64) -> float:
        """Returns the height of what lies on a way [m]; minus infinity if nothing does.

        Args:
            mask: Geoms that count. Shape (g,).
            start: Where the way begins [m]. Shape (2,).
            end: Where it ends [m]. Shape (2,).
            margin: Half of the way's width on each axis [m]. Shape (2,).
        """
        low, high = self.low[mask, :2] - margin, self.high[mask, :2] + margin
        step = end - start
        step = np.where(np.abs(step) < 1e-9, 1e-9, step)
        one, two = (low - start) / step, (high - start) / step
        enter = np.minimum(one, two).max(axis=1)
        leave = np.maximum(one, two).min(axis=1)
        hit = (enter <= leave) & (leave >= 0.0) & (enter <= 1.0)
        return float(self.high[mask, 2][hit].max(initial=-np.inf))

    def find_crossings(self, thing: int, start: F64, direction: F64, pad: float = _PAD) -> F64:
        """Returns where a line passes through a thing's geoms [m], in and out. Shape (n, 2).

        Args:
            thing: Number of the thing.
            start: A point of the line [m]. Shape (3,).
            direction: Its unit vector. Shape (3,).
            pad: By how much the geoms are widened [m].
        """
        mask = self.mask_thing(thing)
        mats = self.truth["geom_mat"][mask]
        size = self.truth["geom_size"][mask] + pad
        origin = np.einsum("gji,gj->gi", mats, start - self.truth["geom_pos"][mask])
        ray = np.einsum("gji,j->gi", mats, direction)
        ray = np.where(np.abs(ray) < 1e-9, 1e-9, ray)
        one, two = (-size - origin) / ray, (size - origin) / ray
        enter = np.minimum(one, two).max(axis=1)
        leave = np.maximum(one, two).min(axis=1)
        return np.asarray(np.stack((enter, leave), axis=1)[enter < leave])

    def measure_between_fingers(self, thing: int) -> float:
        """Returns how thick a thing is between the fingers [m]; 0 if it is not there."""
        spans = self.find_crossings(thing, self.ee, self.truth["ee_mat"][:, 0])
        spans = spans[(spans[:, 0] < FINGER_REACH) & (spans[:, 1] > -FINGER_REACH)]
        if not len(spans):
            return 0.0
        low, high = spans[:, 0].min() + _PAD, spans[:, 1].max() - _PAD
        return float(max(min(high, FINGER_REACH) - max(low, -FINGER_REACH), 1e-4))
