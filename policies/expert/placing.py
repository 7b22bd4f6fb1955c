"""How a held thing is put where it belongs: up, over, down, and the fingers open."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aegis.core.types import F64
from policies.expert.hand_motion import CLOSE, OPEN, HandGoal
from policies.expert.scene_view import SceneView

CLEARANCE = 0.02
"""Height of what is carried above everything on its way [m]."""
WAY_MARGIN = 0.010
"""Room beside what is carried [m]."""
APART = 0.012
"""Horizontal distance from its place at which it is let down [m]."""
RELEASE_HEIGHT = 0.006
"""Height above its place at which the fingers open [m]."""
STALL_SPEED, STALL_HEIGHT = 0.012, 0.06
"""Speed [m/s] below which, and height above its place [m] up to which, it lies on something."""
MIN_DRAGGED = 0.10
"""Width from which on flat things are held by their rim [m]."""
FLAT_HEIGHT = 0.04
"""Height of things up to which they are dragged, where they are wide and need not be lifted [m]."""


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Where a thing belongs.

    Attributes:
        xy: Where its origin should be [m]. Shape (2,).
        bottom: Height of its bottom there [m].
    """

    xy: F64
    bottom: float


def is_released(view: SceneView, thing: int, place: Place) -> bool:
    """Returns whether a thing is where the fingers may open."""
    low, _ = view.read_box(thing)
    apart = float(np.hypot(*(view.truth["thing_pos"][thing][:2] - place.xy)))
    above = low[2] - place.bottom
    if apart > 1.6 * APART:
        return False
    stalled = float(np.linalg.norm(view.truth["ee_vel"])) < STALL_SPEED and above < STALL_HEIGHT
    return bool(above < RELEASE_HEIGHT or stalled)


def plan_carry(view: SceneView, thing: int, place: Place) -> HandGoal:
    """Returns where a hand should go that holds a thing."""
    low, high = view.read_box(thing)
    axis = view.finger_axis
    if is_released(view, thing, place):
        return HandGoal(view.ee.copy(), axis, OPEN)
    origin = view.truth["thing_pos"][thing][:2]
    step = place.xy - origin
    apart = float(np.hypot(*step))
    others = ~view.mask_thing(thing) & (view.high[:, 2] > place.bottom + 0.003)
    middle = (low + high)[:2] / 2
    top = view.find_top(others, middle, middle + step, (high - low)[:2] / 2 + WAY_MARGIN)
    needed = max(top + CLEARANCE, place.bottom + float(np.clip(4 * (apart - APART), 0.0, 0.06)))
    wide = bool(((high - low)[:2] > MIN_DRAGGED).all())
    if wide and high[2] - low[2] < FLAT_HEIGHT and abs(low[2] - place.bottom) < 0.03:
        needed = place.bottom + 0.002  # a plate held by its rim tilts when lifted: it is dragged
    if apart < APART or (apart < 1.6 * APART and low[2] < top):
        needed = place.bottom - 0.004
    goal = view.ee.copy()
    if _is_covered(view, thing, low, high):
        # Something is above it, an open drawer for example: out from under it, to the robot.
        way = view.truth["robot_base"] - view.ee
        goal[:2] += 0.05 * way[:2] / np.hypot(*way[:2])
        return HandGoal(goal, axis, CLOSE)
    goal[2] += needed - low[2]
    if low[2] > needed - 0.015:
        goal[:2] += step
    return HandGoal(goal, axis, CLOSE)


def _is_covered(view: SceneView, thing: int, low: F64, high: F64) -> bool:
    """Returns whether anything hangs over a thing's box, corners (3,) [m]."""
    above = ~view.mask_thing(thing) & (view.low[:, 2] > high[2] - 0.005)
    room = np.array([0.02, 0.02])
    over = (view.low[:, :2] < high[:2] + room) & (view.high[:, :2] > low[:2] - room)
    return bool((above & over.all(axis=1)).any())
