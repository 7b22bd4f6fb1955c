"""Operational-space control of the Panda, compiled: the torques that robosuite would command.

Source: Khatib, "A unified approach for motion and force control of robot manipulators", 1987, with
robosuite 1.4.0's gains (kp 150, critically damped), decoupled position and orientation, and a
null-space pull towards the start posture. Array layouts and the order of operations follow
robosuite's, so that the result is equal bit for bit (``tests/envs/test_stepper.py``).
"""

from __future__ import annotations

import math

import numpy as np

from aegis.core.types import F64
from envs.libero.compilation import njit

# robosuite's OSC_POSE: stiffness 150, damped critically, and 10 in the null space.
KP = 150.0
KD = 2.0 * math.sqrt(KP)
NULLSPACE_KP = 10.0
NULLSPACE_KV = math.sqrt(NULLSPACE_KP) * 2.0
POSITION_SCALE = 0.05
"""Largest goal displacement per control step [m]."""
ROTATION_SCALE = 0.5
"""Largest goal rotation per control step [rad]."""
# As in robosuite's transform_utils.
_EPS = float(np.finfo(np.float64).eps) * 4.0


@njit
def rotation_from_quaternion(x: float, y: float, z: float, w: float) -> F64:
    """Returns a quaternion's rotation matrix (3, 3), through float32 as robosuite does."""
    q = np.array([w, x, y, z]).astype(np.float32)
    n = np.dot(q, q)
    if n < _EPS:
        return np.identity(3)
    q *= math.sqrt(2.0 / n)
    p = np.outer(q, q)
    return np.array(
        [
            [1.0 - p[2, 2] - p[3, 3], p[1, 2] - p[3, 0], p[1, 3] + p[2, 0]],
            [p[1, 2] + p[3, 0], 1.0 - p[1, 1] - p[3, 3], p[2, 3] - p[1, 0]],
            [p[1, 3] - p[2, 0], p[2, 3] + p[1, 0], 1.0 - p[1, 1] - p[2, 2]],
        ]
    )


@njit
def set_goal(action: F64, ee_pos: F64, ee_mat: F64, goal_pos: F64, goal_mat: F64) -> None:
    """Moves the goal in place from the current pose by a normalised delta action.

    Args:
        action: Six deltas in [-1, 1]; beyond, they are clipped. Shape (6,) or longer.
        ee_pos: Grip site position [m]. Shape (3,).
        ee_mat: Grip site orientation. Shape (3, 3).
        goal_pos: Goal position [m], overwritten. Shape (3,).
        goal_mat: Goal orientation, overwritten unless the rotation is zero. Shape (3, 3).
    """
    delta = np.minimum(np.maximum(action[:6], -1.0), 1.0)
    delta[:3] *= POSITION_SCALE
    delta[3:] *= ROTATION_SCALE
    rotation = delta[3:]
    # As in robosuite: without a wish to turn, the goal keeps its orientation, which the hand may
    # lag behind; the position always starts from where the hand is.
    if rotation[0] != 0.0 or rotation[1] != 0.0 or rotation[2] != 0.0:
        angle = math.sqrt(np.dot(rotation, rotation))
        s, c = math.sin(angle / 2.0), math.cos(angle / 2.0)
        axis = rotation / angle
        error = rotation_from_quaternion(axis[0] * s, axis[1] * s, axis[2] * s, c)
        goal_mat[:, :] = np.dot(error, ee_mat)
    goal_pos[:] = ee_pos + delta[:3]


@njit
def orientation_error(desired: F64, current: F64) -> F64:
    """Returns the axis-angle error between two orientations, to first order [rad]. Shape (3,)."""
    return 0.5 * (
        np.cross(current[0:3, 0], desired[0:3, 0])
        + np.cross(current[0:3, 1], desired[0:3, 1])
        + np.cross(current[0:3, 2], desired[0:3, 2])
    )


@njit
def operational_torques(
    mass: F64,
    jac_pos: F64,
    jac_ori: F64,
    jac: F64,
    force: F64,
    torque: F64,
    bias: F64,
    posture: F64,
    joint_pos: F64,
    joint_vel: F64,
) -> F64:
    """Maps a desired task-space force and torque to joint torques [N m]. Shape (7,).

    Args:
        mass: Joint-space mass matrix. Shape (7, 7).
        jac_pos: Translational Jacobian of the grip site. Shape (3, 7).
        jac_ori: Rotational Jacobian. Shape (3, 7).
        jac: Both stacked. Shape (6, 7).
        force: Desired acceleration-space force. Shape (3,).
        torque: Desired acceleration-space torque. Shape (3,).
        bias: Coriolis, centrifugal and gravity torques [N m]. Shape (7,).
        posture: Joint angles that the null space pulls to [rad]. Shape (7,).
        joint_pos: Joint angles [rad]. Shape (7,).
        joint_vel: Joint velocities [rad/s]. Shape (7,).
    """
    mass_inv = np.linalg.inv(mass)
    lambda_full = np.linalg.pinv(np.dot(np.dot(jac, mass_inv), jac.transpose()))
    lambda_pos = np.linalg.pinv(np.dot(np.dot(jac_pos, mass_inv), jac_pos.transpose()))
    lambda_ori = np.linalg.pinv(np.dot(np.dot(jac_ori, mass_inv), jac_ori.transpose()))
    jac_bar = np.dot(mass_inv, jac.transpose()).dot(lambda_full)
    nullspace = np.eye(7, 7) - np.dot(jac_bar, jac)

    wrench = np.concatenate((np.dot(lambda_pos, force), np.dot(lambda_ori, torque)))
    torques = np.dot(jac.T, wrench) + bias
    pull = NULLSPACE_KP * (posture - joint_pos) - NULLSPACE_KV * joint_vel
    total: F64 = torques + np.dot(nullspace.transpose(), np.dot(mass, pull))
    return total
