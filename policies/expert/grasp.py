"""Where to grasp a thing: across its middle or by its rim, with room for the hand beside it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aegis.core.types import F64
from policies.expert.hand_motion import read_fingers
from policies.expert.scene_view import SceneView

MAX_WIDTH = 0.070
"""Widest that the fingers reach around; they open to 8 cm [m]."""
BELOW_TOP, ABOVE_BOTTOM = 0.033, 0.010
"""How far below a thing's top it is grasped, and above its bottom at least [m]."""
RIM_BELOW_TOP = 0.010
"""How far below its top a rim is grasped [m]."""
MAX_WALL = 0.022
"""Thickest wall that counts as a rim [m]."""
NEIGHBOUR_MARGIN = 0.008
"""Room that is left between the hand and neighbours [m]."""
TURNS = 12
"""Directions of the fingers that are tried in half a turn."""
SHIFTS, END_ROOM = (0.0, -0.5, 0.5, -1.0, 1.0), 0.016
"""Shifts from the middle that are tried, in shares of what is left beside END_ROOM [m]."""
RIM_TURNS = 24
"""Points of a rim that are tried in a whole turn."""
COLLISION_COST, TURN_COST, AWAY_COST = 1.0, 0.25, 3.0
"""Costs: a share of the hand in neighbours, turning by 1 rad, a metre from the hand."""
SETTLED_SPEED = 0.03
"""Finger speed below which a grasp is complete [m/s]."""
EMPTY_GAP, FULL_GAP = 0.003, 0.0785
"""Gaps at or beyond which the fingers hold nothing [m]."""
LOOSE = 0.010
"""By how much more than what is between them the fingers may be apart, when they hold it [m]."""


@dataclass(frozen=True, slots=True, eq=False)
class Grasp:
    """A way to grasp a thing with a hand that points down.

    Attributes:
        pos: Where the grip site should be [m]. Shape (3,).
        axis: Finger axis. Shape (2,).
    """

    pos: F64
    axis: F64


def is_holding(view: SceneView, thing: int) -> bool:
    """Returns whether the fingers rest on something as thick as the thing that is between them.

    Contact flags would be the obvious test, but they flicker while a thing slips or swings.
    """
    gap, closing = read_fingers(view.truth)
    if not EMPTY_GAP < gap < FULL_GAP or abs(closing) > SETTLED_SPEED:
        return False
    width = view.measure_between_fingers(thing)
    return width > 0.0 and gap < width + LOOSE


def choose_grasp(view: SceneView, thing: int) -> Grasp:
    """Returns the grasp that costs least: clear of neighbours, near, and with little turning."""
    grasps = list_centre_grasps(view, thing) or list_rim_grasps(view, thing)
    if not grasps:
        low, high = view.read_box(thing)
        return Grasp(np.array([*(low + high)[:2] / 2, high[2] - 0.01]), view.finger_axis)
    return min(grasps, key=lambda grasp: _find_cost(view, thing, grasp))


def list_centre_grasps(view: SceneView, thing: int) -> list[Grasp]:
    """Returns grasps across the middle of a thing, in directions in which it is narrow enough."""
    low, high = view.read_box(thing)
    z = max(low[2] + ABOVE_BOTTOM, high[2] - BELOW_TOP)
    slab = view.mask_thing(thing) & (view.low[:, 2] < z + 0.012) & (view.high[:, 2] > z - 0.008)
    corners = _list_corners(view, slab)
    edges = view.truth["geom_mat"][slab][:1, :2].transpose(0, 2, 1).reshape(-1, 2)
    edges = [edge / np.hypot(*edge) for edge in edges if np.hypot(*edge) > 0.9]
    grasps = []
    for axis in [*_list_directions(TURNS, np.pi), *edges]:
        across = np.array([-axis[1], axis[0]])
        along, aside = corners @ axis, corners @ across
        if np.ptp(along) < MAX_WIDTH:
            middle = np.ptp(along) / 2 + along.min()
            place = axis * middle + across * (aside.min() + np.ptp(aside) / 2)
            room = max(float(np.ptp(aside)) / 2 - END_ROOM, 0.0)
            for share in SHIFTS:
                at = place + share * room * across
                grasps.append((float(np.ptp(along)), Grasp(np.array([*at, z]), axis)))
    narrow = min((width for width, _ in grasps), default=0.0)
    # Corners first turn a box into the hand: only what is about as narrow as can be is grasped.
    return [grasp for width, grasp in grasps if width < narrow + 0.006]


def list_rim_grasps(view: SceneView, thing: int) -> list[Grasp]:
    """Returns grasps of a thing's wall, all around it, with one finger inside."""
    _, high = view.read_box(thing)
    place = view.truth["thing_pos"][thing]
    start = np.array([*place[:2], high[2] - RIM_BELOW_TOP])
    grasps = []
    for axis in _list_directions(RIM_TURNS, 2 * np.pi):
        spans = view.find_crossings(thing, start, np.array([*axis, 0.0]), 0.001)
        spans = spans[spans[:, 1] > 0.0]
        if not len(spans):
            continue
        wall = spans[spans[:, 0] < spans[:, 0].min() + 0.004]
        near, far = wall[:, 0].min(), spans[:, 1].max()
        if near > 0.02 and far - near < MAX_WALL:
            grasps.append(Grasp(start + np.array([*axis, 0.0]) * (near + far) / 2, axis))
    return grasps


def _find_cost(view: SceneView, thing: int, grasp: Grasp) -> float:
    turn = np.arccos(min(1.0, abs(float(view.finger_axis @ grasp.axis))))
    away = np.linalg.norm((grasp.pos - view.ee)[:2])
    hit = _share_in_neighbours(view, thing, grasp)
    low, high = view.read_box(thing)
    shift = np.linalg.norm(grasp.pos[:2] - (low + high)[:2] / 2)
    return float(COLLISION_COST * hit + TURN_COST * turn + AWAY_COST * (away + shift))


def _share_in_neighbours(view: SceneView, thing: int, grasp: Grasp) -> float:
    """Returns how much of fingers and hand would be in other things, 0.02 for one point."""
    points = _HAND @ np.array([[*grasp.axis, 0], [-grasp.axis[1], grasp.axis[0], 0], [0, 0, 1]])
    points = points + grasp.pos
    near = ~view.mask_thing(thing) & (
        np.abs(view.truth["geom_pos"] - grasp.pos).max(axis=1)
        < 0.15 + view.truth["geom_size"].max(axis=1)
    )
    if not near.any():
        return 0.0
    offset = points[:, None] - view.truth["geom_pos"][near]
    local = np.einsum("gji,pgj->pgi", view.truth["geom_mat"][near], offset)
    inside = (np.abs(local) < view.truth["geom_size"][near] + NEIGHBOUR_MARGIN).all(axis=2)
    return 0.02 * float(inside.any(axis=1).sum())


def _sample_hand() -> F64:
    """Returns points of the open hand, along and across the fingers and up [m]. Shape (n, 3)."""
    fingers = np.array(
        [
            (side * s, t, z)
            for side in (-1, 1)
            for s in (0.043, 0.055, 0.066)
            for t in (-0.012, 0.0, 0.012)
            for z in (-0.008, 0.015, 0.04)
        ]
    )
    palm = np.array(
        [
            (s, t, z)
            for s in np.linspace(-0.105, 0.105, 9)
            for t in (-0.03, 0.0, 0.03)
            for z in (0.05, 0.08, 0.12)
        ]
    )
    return np.concatenate((fingers, palm))


_HAND = _sample_hand()


def _list_directions(count: int, turn: float) -> list[F64]:
    angles = np.arange(count) * turn / count
    return list(np.stack((np.cos(angles), np.sin(angles)), axis=1))


def _list_corners(view: SceneView, mask: F64) -> F64:
    """Returns the horizontal corners of geoms [m]. Shape (8 g, 2)."""
    signs = np.array([(i, j, k) for i in (-1, 1) for j in (-1, 1) for k in (-1, 1)])
    mats, size = view.truth["geom_mat"][mask], view.truth["geom_size"][mask]
    corners = np.einsum("gij,cgj->cgi", mats, signs[:, None] * size)
    return np.asarray((corners + view.truth["geom_pos"][mask])[..., :2].reshape(-1, 2))
