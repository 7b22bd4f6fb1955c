"""How the hand goes to a grasp: up over what is in the way, down, and the fingers close."""

from __future__ import annotations

import numpy as np

from policies.expert.grasp import EMPTY_GAP, Grasp
from policies.expert.hand_motion import CLOSE, OPEN, HandGoal, read_fingers
from policies.expert.scene_view import SceneView

HOVER_HEIGHT = 0.05
"""Height of the fingers above everything on their way [m]."""
TOLERANCE = 0.009
"""Distance from the grasp at which the fingers close [m]."""
OPEN_GAP = 0.072
"""Gap at which the fingers count as open [m]."""
STILL_SPEED = 0.08
"""Speed of the hand below which the fingers may start to close [m/s]."""
FUNNEL_RADIUS = 0.014
"""Distance from above the grasp at which the hand comes down [m]."""
FUNNEL_TIP, FUNNEL_SLOPE = 0.006, 8.0
"""Distance [m] from which on it comes down less far, and by how much less per distance."""
MIN_ALIGNED = 0.985
"""Cosine between the fingers and their axis from which on the hand comes down."""
_WAY = np.array([0.05, 0.05])


def plan_approach(view: SceneView, grasp: Grasp) -> HandGoal:
    """Returns where an empty hand should go."""
    error = grasp.pos - view.ee
    away = float(np.hypot(error[0], error[1]))
    gap, closing = read_fingers(view.truth)
    empty = gap < EMPTY_GAP or (gap < OPEN_GAP and closing < -0.02)
    # Once the fingers move, small wobbles of the hand must not open them again.
    tolerance = TOLERANCE if gap > OPEN_GAP else 2.0 * TOLERANCE
    still = gap < OPEN_GAP or np.linalg.norm(view.truth["ee_vel"]) < STILL_SPEED
    if away < tolerance and abs(error[2]) < tolerance and still and not empty:
        return HandGoal(grasp.pos, grasp.axis, CLOSE)
    return _plan_descent(view, grasp, away, gap)


def _plan_descent(view: SceneView, grasp: Grasp, away: float, gap: float) -> HandGoal:
    """Returns the goal of an open hand: up, over, down."""
    aligned = abs(float(view.finger_axis @ grasp.axis)) > MIN_ALIGNED
    if away < FUNNEL_RADIUS and aligned and gap > OPEN_GAP:
        # Beside its place the hand comes up again, so that it does not rest on a neighbour.
        height = np.clip(FUNNEL_SLOPE * (away - FUNNEL_TIP), 0.0, HOVER_HEIGHT)
        return HandGoal(grasp.pos + np.array([0.0, 0.0, height]), grasp.axis, OPEN)
    everything = np.ones(len(view.owner), dtype=bool)
    top = view.find_top(everything, view.ee[:2], grasp.pos[:2], _WAY)
    travel = max(top, grasp.pos[2]) + HOVER_HEIGHT
    goal = np.array([*grasp.pos[:2], travel])
    if view.ee[2] < travel - 0.02 and (away > FUNNEL_RADIUS or gap < OPEN_GAP):
        goal[:2] = view.ee[:2]  # rise before moving sideways, so as not to sweep things away
        goal[2] += 0.02
        if away < 2 * FUNNEL_RADIUS and gap > OPEN_GAP:
            goal[:2] = grasp.pos[:2]
    return HandGoal(goal, grasp.axis, OPEN)
