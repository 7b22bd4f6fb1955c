"""LIBERO-Spatial's plan: pick the bowl by its rim and put it on the target.

Its actions are those of locked studies, bit for bit; other suites have plans of their own.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from aegis.core.types import F64
from policies.expert.hand_motion import CLOSE, OPEN, HandGoal, read_fingers

RIM_RADIUS = 0.047
"""Distance from the bowl's axis to the grasp point on its rim [m]."""
RIM_RADIUS_IN_DRAWER = 0.038
"""The same in a drawer, whose wall leaves less room for the outer finger [m]."""
GRASP_HEIGHT = 0.042
"""Height of the grip site above the bowl's origin when grasping [m]."""
HOVER_HEIGHT = 0.10
"""Height above the grasp from which the hand comes down [m]."""
GRASP_TOLERANCE = 0.011
"""Distance from the grasp point at which the fingers close [m]."""
MIN_CARRY_HEIGHT = 0.13
"""Height of the carried bowl above the target's origin, at least [m]."""
LIFT_CLEARANCE = 0.09
"""Height that a bowl is lifted above where it stood [m]."""
RIM_GAP = (0.003, 0.020)
"""Gap of the fingers when they hold a rim: smaller is empty, larger is not closed yet [m]."""
SETTLED_FINGER_SPEED = 0.03
"""Finger speed below which a grasp is complete [m/s]."""
STILL_HAND_SPEED = 0.08
"""Speed of the hand below which the fingers may start to close [m/s]."""
OPEN_GAP = 0.06
"""Gap at which the fingers count as open [m]."""
RELEASE_DISTANCES = (0.020, 0.022)
"""Horizontal and vertical distance of bowl and target at which the fingers open [m]."""


def plan_spatial(truth: Mapping[str, F64]) -> HandGoal:
    """Returns where the hand should go, from the truth of LIBERO-Spatial."""
    bowl, target, ee = truth["object_pos"], truth["target_pos"], truth["ee_pos"]
    side, rim = _grasp_side(truth)
    grasp = bowl + np.array([*(rim * side), GRASP_HEIGHT])
    apart = float(np.hypot(*(bowl - target)[:2]))
    if apart < RELEASE_DISTANCES[0] and bowl[2] - target[2] < RELEASE_DISTANCES[1]:
        return HandGoal(ee + np.array([0.0, 0.0, HOVER_HEIGHT]), side, OPEN)
    if _is_holding(truth, bowl + np.array([*_held_offset(truth, rim), GRASP_HEIGHT])):
        return HandGoal(_plan_carry(truth, apart), truth["ee_mat"][:2, 0], CLOSE)
    return _plan_approach(truth, side, grasp)


def _grasp_side(truth: Mapping[str, F64]) -> tuple[F64, float]:
    """Returns the direction from the bowl's axis to the grasp, shape (2,), and its distance [m]."""
    axis = truth["drawer_axis"]
    if not np.isfinite(axis).all():
        return np.array([0.0, 1.0]), RIM_RADIUS
    return (axis if axis[0] < 0 else -axis), RIM_RADIUS_IN_DRAWER


def _held_offset(truth: Mapping[str, F64], rim: float) -> F64:
    """Returns the horizontal offset of a rim grasp along the finger axis [m]. Shape (2,)."""
    axis = truth["ee_mat"][:2, 0]
    axis = axis / max(float(np.hypot(axis[0], axis[1])), 1e-6)
    outward = (truth["ee_pos"] - truth["object_pos"])[:2] @ axis
    return np.asarray(rim * axis * (1.0 if outward >= 0 else -1.0))


def _is_holding(truth: Mapping[str, F64], grasp: F64) -> bool:
    """Returns whether the fingers rest on something as thick as a rim, where the rim should be.

    Contact flags would be the obvious test, but they flicker while the bowl slips or swings.

    Args:
        truth: Simulator truth by name.
        grasp: Where the rim should be [m]. Shape (3,).
    """
    gap, closing = read_fingers(truth)
    error = grasp - truth["ee_pos"]
    near = np.hypot(error[0], error[1]) < 0.03 and abs(error[2]) < 0.03
    return bool(RIM_GAP[0] < gap < RIM_GAP[1] and abs(closing) < SETTLED_FINGER_SPEED and near)


def _plan_carry(truth: Mapping[str, F64], apart: float) -> F64:
    """Returns the grip site's goal [m], shape (3,), while the bowl is held: up, over, down."""
    bowl, target, ee = truth["object_pos"], truth["target_pos"], truth["ee_pos"]
    travel = max(MIN_CARRY_HEIGHT, truth["object_start"][2] - target[2] + LIFT_CLEARANCE)
    # A funnel around the target: four times as high as far, from 12 mm on.
    height = target[2] + 0.015 + np.clip(4.0 * (apart - 0.012), 0.0, travel)
    goal = ee.copy()
    goal[2] += height - bowl[2]
    if bowl[2] > height - 0.02:
        goal[:2] += (target - bowl)[:2]
    return goal


def _plan_approach(truth: Mapping[str, F64], side: F64, grasp: F64) -> HandGoal:
    """Returns where the hand should go while the bowl is not held.

    Args:
        truth: Simulator truth by name.
        side: Direction from the bowl's axis to the grasp. Shape (2,).
        grasp: The grasp point [m]. Shape (3,).
    """
    error = grasp - truth["ee_pos"]
    away = float(np.hypot(error[0], error[1]))
    gap, closing = read_fingers(truth)
    empty = gap < RIM_GAP[0] or (gap < OPEN_GAP and closing < -0.02)
    # Once the fingers move, small wobbles of the hand must not open them again.
    tolerance = GRASP_TOLERANCE if gap > OPEN_GAP else 2.0 * GRASP_TOLERANCE
    still = gap < OPEN_GAP or np.linalg.norm(truth["ee_vel"]) < STILL_HAND_SPEED
    if away < tolerance and abs(error[2]) < tolerance and still and not empty:
        return HandGoal(grasp, side, CLOSE)
    goal = grasp.copy()
    # The same funnel around the grasp; with closed fingers the hand stays above it.
    goal[2] += HOVER_HEIGHT if gap < OPEN_GAP else np.clip(4.0 * (away - 0.012), 0.0, HOVER_HEIGHT)
    if away > 0.05 and error[2] > -0.5 * HOVER_HEIGHT:
        # Rise before moving sideways, so as not to sweep things away.
        goal = truth["ee_pos"] + np.array([0.0, 0.0, error[2] + HOVER_HEIGHT])
    return HandGoal(goal, side, OPEN)
