"""How drawers are opened and closed, and knobs turned."""

from __future__ import annotations

import numpy as np

from aegis.core.types import F64
from policies.expert.approach import HOVER_HEIGHT, plan_approach
from policies.expert.grasp import EMPTY_GAP, SETTLED_SPEED, Grasp
from policies.expert.hand_motion import CLOSE, OPEN, HandGoal, read_fingers
from policies.expert.scene_view import SceneView

KNOB_HEIGHT = 0.033
"""Height of the grip site above a knob's origin [m]."""
KNOB_STEP = 0.5
"""By how much the hand turns ahead of a knob [rad]."""
HELD_GAP = 0.072
"""Gap below which settled fingers hold a knob or a handle [m]."""
HELD_DISTANCE = 0.025
"""Distance from a grasp within which they do [m]."""
STAND_OFF = 0.09
"""Distance from a handle at which the hand turns towards it [m]."""
REACH_IN = 0.004
"""How far behind a handle's middle the grip site goes [m]."""
STEP = 0.05
"""How far ahead the hand is sent when it pulls or pushes [m]."""
HANDLE_TOLERANCE = 0.015
"""Distance from a handle, or beside the way to it, within which the hand goes on [m]."""
OPEN_ENOUGH = 0.012
"""How far from its end a drawer is pulled [m]."""
WIDE_ENOUGH = 0.05
"""How far from its end a drawer may be that is left as it is [m]."""
_WAY = np.array([0.05, 0.05])


def is_drawer_open(view: SceneView, term: int) -> bool:
    """Returns whether a term's drawer is open enough to put something into it.

    A hand that holds its handle goes on to the end.
    """
    truth = view.truth
    end = max(truth["door_range"][term], key=abs)
    handle = _find_handle(view, term, find_way_out(view, term))
    limit = OPEN_ENOUGH if _is_gripping(view, handle) else WIDE_ENOUGH
    return bool(abs(truth["door_joint"][term] - end) < limit)


def plan_knob(view: SceneView, term: int, sign: float) -> HandGoal:
    """Returns where the hand should go to turn a knob by its axis, forwards (1) or back (-1)."""
    truth = view.truth
    angle = float(truth["door_joint"][term])
    pos = truth["door_anchor"][term] + np.array([0.0, 0.0, KNOB_HEIGHT])
    if _is_gripping(view, pos):
        ahead = angle + sign * KNOB_STEP
        return HandGoal(pos, np.array([-np.sin(ahead), np.cos(ahead)]), CLOSE)
    return plan_approach(view, Grasp(pos, np.array([-np.sin(angle), np.cos(angle)])))


def plan_pull(view: SceneView, term: int) -> HandGoal:
    """Returns where the hand should go to pull a drawer open by its handle, lying on its side."""
    out = find_way_out(view, term)
    handle = _find_handle(view, term, out)
    mat = np.stack((-np.eye(3)[2], np.cross(-out, -np.eye(3)[2]), -out), axis=1)
    at = handle - REACH_IN * out
    axis = view.finger_axis
    offset = view.ee - handle
    depth = float(offset @ out)
    beside = float(np.linalg.norm(offset - depth * out))
    aligned = bool((np.sum(mat * view.truth["ee_mat"], axis=0) > 0.97).all())
    if _is_gripping(view, at):
        return HandGoal(at + (depth + REACH_IN + STEP) * out, axis, CLOSE, mat)
    if np.linalg.norm(view.ee - at) < HANDLE_TOLERANCE and aligned:
        return HandGoal(at, axis, CLOSE, mat)
    gap, _ = read_fingers(view.truth)
    if aligned and beside < HANDLE_TOLERANCE and gap > HELD_GAP:
        # Beside its place the hand comes out again, so that no finger rests on the front.
        back = float(np.clip(8.0 * (beside - 0.006), 0.0, STAND_OFF))
        return HandGoal(at + back * out, axis, OPEN, mat)
    goal = handle + STAND_OFF * out
    if depth < 0.5 * STAND_OFF:
        # Beside or above the drawer: out first, then down.
        goal = view.ee + (STAND_OFF - depth) * out
    elif np.hypot(*(goal - view.ee)[:2]) > 0.06:
        goal[2] += 0.06
    return HandGoal(goal, axis, OPEN, mat)


def plan_push(view: SceneView, term: int) -> HandGoal:
    """Returns where the hand should go to push a drawer shut with closed fingers.

    It leans back, lest the palm meets what is over the drawer.
    """
    out = find_way_out(view, term)
    ahead = np.array([0.0, 0.0, -0.7]) - 0.7 * out
    ahead /= np.linalg.norm(ahead)
    side = np.array([-out[1], out[0], 0.0])
    side *= np.sign(side @ view.truth["ee_mat"][:, 0]) or 1.0
    mat = np.stack((side, np.cross(ahead, side), ahead), axis=1)
    handle = _find_handle(view, term, out)
    aside = np.array([-out[1], out[0]])
    offset = view.ee - handle
    depth, beside = float(offset @ out), float(offset[:2] @ aside)
    if depth > 0.0 and abs(beside) < 0.03 and offset[2] < 0.02:
        goal = view.ee - STEP * out
        goal[:2] -= beside * aside
        goal[2] = handle[2]
        return HandGoal(goal, aside, CLOSE, mat)
    place = handle + 0.06 * out
    everything = np.ones(len(view.owner), dtype=bool)
    travel = view.find_top(everything, view.ee[:2], place[:2], _WAY)
    travel = max(travel, handle[2]) + HOVER_HEIGHT
    goal = place.copy()
    if np.hypot(*(place - view.ee)[:2]) > 0.02:
        goal[2] = travel
        if view.ee[2] < travel - 0.02:
            goal[:2] = view.ee[:2]
    return HandGoal(goal, aside, CLOSE, mat)


def find_way_out(view: SceneView, term: int) -> F64:
    """Returns the horizontal direction in which a drawer opens. Shape (3,)."""
    truth = view.truth
    end = max(truth["door_range"][term], key=abs)
    out = truth["door_axis"][term] * np.sign(end)
    out = np.array([out[0], out[1], 0.0])
    return np.asarray(out / np.linalg.norm(out))


def _find_handle(view: SceneView, term: int, out: F64) -> F64:
    """Returns the middle of a drawer's handle, the bar that is farthest out [m]. Shape (3,)."""
    mask = view.truth["geom_body"] == view.truth["door_body"][term]
    half = (view.high - view.low)[mask] / 2
    middle = (view.high + view.low)[mask] / 2
    deep, wide = half @ np.abs(out), half @ np.abs([-out[1], out[0], 0.0])
    bar = (deep < 0.02) & (half[:, 2] < 0.02) & (wide > 0.02)
    if not bar.any():
        bar[:] = True
    return np.asarray(middle[bar][np.argmax(middle[bar] @ out)])


def _is_gripping(view: SceneView, pos: F64) -> bool:
    """Returns whether settled fingers hold something at a place [m], shape (3,)."""
    gap, closing = read_fingers(view.truth)
    near = float(np.linalg.norm(view.ee - pos)) < HELD_DISTANCE
    return near and EMPTY_GAP < gap < HELD_GAP and abs(closing) < SETTLED_SPEED
