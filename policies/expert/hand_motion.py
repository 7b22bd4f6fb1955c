"""How the scripted expert moves its hand: from where it should be to one action."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from aegis.core.types import F64

OPEN, CLOSE = -1.0, 1.0
POSITION_GAIN = 1.8
"""Share of the position error that one action asks for, in units of its 5 cm range."""
LOOKAHEAD = 0.0
"""How far ahead the hand's motion is extrapolated, which damps it [s]."""
ROTATION_GAIN = 1.8
"""The same for the orientation error."""
ROBOT_BASE = (-0.66, 0.0)
"""Where the robot stands in LIBERO-Spatial, whose truth does not say it [m]."""
LEAN, LEAN_FROM, LEAN_MOST = 3.0, 0.66, 0.45
"""Lean of the hand per distance [rad/m], from a distance on [m], at most [rad]."""


@dataclass(frozen=True, slots=True, eq=False)
class HandGoal:
    """Where the hand should be, and what its fingers should do.

    Attributes:
        pos: Position of the grip site [m]. Shape (3,).
        axis: Horizontal finger axis of a hand that points down. Shape (2,).
        gripper: ``OPEN`` or ``CLOSE``.
        mat: Whole orientation, of a hand that does not point down; None if it does. Shape (3, 3).
    """

    pos: F64
    axis: F64
    gripper: float
    mat: F64 | None = None


def read_fingers(truth: Mapping[str, F64]) -> tuple[float, float]:
    """Returns the gap between the fingers [m] and how fast it closes [m/s].

    Args:
        truth: Its ``fingers``, shape (4,), are read.
    """
    left, right, left_speed, right_speed = truth["fingers"]
    return float(left - right), float(right_speed - left_speed)


def compute_action(truth: Mapping[str, F64], goal: HandGoal) -> F64:
    """Turns a goal of the hand into one action. Shape (7,)."""
    action = np.zeros(7)
    error = goal.pos - truth["ee_pos"] - LOOKAHEAD * truth["ee_vel"]
    action[:3] = np.clip(POSITION_GAIN * error / 0.05, -1.0, 1.0)
    if goal.mat is None:
        base = truth.get("robot_base", np.array(ROBOT_BASE))
        pitch = _lean_hand(goal.pos, goal.axis, base)
        turn = _rotation_to_down(truth["ee_mat"], goal.axis, pitch)
    else:
        turn = _rotation_to(truth["ee_mat"], goal.mat)
    action[3:6] = np.clip(ROTATION_GAIN * turn / 0.5, -1.0, 1.0)
    action[6] = goal.gripper
    return action


def _rotation_to_down(current: F64, axis: F64, pitch: float) -> F64:
    """Returns the rotation vector [rad], shape (3,), to a hand that points down and leans.

    Args:
        current: Orientation of the hand. Shape (3, 3).
        axis: Finger axis. Shape (2,).
        pitch: Angle by which it leans outwards [rad].
    """
    z = np.array([np.sin(pitch), 0.0, -np.cos(pitch)])
    x = np.array([axis[0], axis[1], 0.0])
    x -= (x @ z) * z
    x /= np.linalg.norm(x)
    if x @ current[:, 0] < 0:
        x = -x  # the fingers are alike: take the nearer of the two ways
    return _rotation_to(current, np.stack((x, np.cross(z, x), z), axis=1))


def _rotation_to(current: F64, desired: F64) -> F64:
    """Returns the rotation vector [rad], shape (3,), between two orientations, (3, 3) each."""
    return np.asarray(0.5 * np.cross(current, desired, axis=0).sum(axis=1))


def _lean_hand(goal: F64, axis: F64, base: Sequence[float] | F64) -> float:
    """Returns how far the hand leans outwards [rad]: upright, the arm is too short far out.

    Only about the finger axis: leaning across it would put one finger below the other.

    Args:
        goal: The grip site's goal [m]. Shape (3,).
        axis: Finger axis. Shape (2,).
        base: Where the robot stands [m]. Shape (2,) or more.
    """
    if abs(axis[1]) < abs(axis[0]):
        return 0.0
    radius = float(np.hypot(goal[0] - base[0], goal[1] - base[1]))
    return float(np.clip(LEAN * (radius - LEAN_FROM), 0.0, LEAN_MOST))
