"""A scripted expert with privileged state: picks the object by its rim and puts it on the target.

It remembers nothing: the phase is read off the world at every tick, so that it can take over from
any state that another policy left behind.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np

from aegis.core.errors import ConfigError
from aegis.core.protocols import PolicySpec, Query
from aegis.core.types import F64, Observation, Proposal

OPEN, CLOSE = -1.0, 1.0
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
POSITION_GAIN = 1.8
"""Share of the position error that one action asks for, in units of its 5 cm range."""
LOOKAHEAD = 0.0
"""How far ahead the hand's motion is extrapolated, which damps it [s]."""
ROTATION_GAIN = 1.8
"""The same for the orientation error."""
ROBOT_BASE = (-0.66, 0.0)
"""Where the robot stands [m]."""
LEAN, LEAN_FROM, LEAN_MOST = 3.0, 0.66, 0.45
"""Lean of the hand per distance [rad/m], from a distance on [m], at most [rad]."""
_DIMENSIONS = 7
"""Of an action: change of the hand's pose, and the gripper."""
RELEASE_DISTANCES = (0.020, 0.022)
"""Horizontal and vertical distance of bowl and target at which the fingers open [m]."""


class ScriptedExpert:
    """Solves the pick-and-place tasks of LIBERO-Spatial from simulator truth.

    Args:
        name: Name of the policy.
    """

    def __init__(self, name: str) -> None:
        # The number is to be raised whenever the expert acts otherwise: its constants are not
        # hashed.
        digest = hashlib.sha256(b"scripted-expert-1").hexdigest()
        self._spec = PolicySpec(
            name, digest, {}, horizon=1, execute=1, taps={}, privileged=True, dimensions=_DIMENSIONS
        )

    @property
    def spec(self) -> PolicySpec:
        """What the policy needs and gives."""
        return self._spec

    def propose(self, queries: Sequence[Query]) -> list[Proposal]:
        """Returns one action per query.

        Raises:
            ConfigError: If the world gives no simulator truth.
        """
        return [
            Proposal(self._spec.name, query.k, self.act(query.obs)[None].astype(np.float32))
            for query in queries
        ]

    def act(self, obs: Observation) -> F64:
        """Returns the action for one observation. Shape (7,)."""
        truth = obs.privileged
        if "object_pos" not in truth:
            raise ConfigError(
                "The scripted expert reads simulator truth ('object_pos', ...), which this "
                "environment does not give. Use it in simulation only."
            )
        goal, axis, gripper = _plan_motion(truth)
        return _compute_action(truth, goal, axis, gripper)

    def close(self) -> None:
        """Nothing to free."""


def _plan_motion(truth: Mapping[str, F64]) -> tuple[F64, F64, float]:
    """Returns the grip site's goal [m], shape (3,), the finger axis, shape (2,), and the grip."""
    bowl, target, ee = truth["object_pos"], truth["target_pos"], truth["ee_pos"]
    side, rim = _grasp_side(truth)
    grasp = bowl + np.array([*(rim * side), GRASP_HEIGHT])
    apart = float(np.hypot(*(bowl - target)[:2]))
    if apart < RELEASE_DISTANCES[0] and bowl[2] - target[2] < RELEASE_DISTANCES[1]:
        return ee + np.array([0.0, 0.0, HOVER_HEIGHT]), side, OPEN
    if _is_holding(truth, bowl + np.array([*_held_offset(truth, rim), GRASP_HEIGHT])):
        return _plan_carry(truth, apart), truth["ee_mat"][:2, 0], CLOSE
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
    gap, closing = _read_fingers(truth)
    error = grasp - truth["ee_pos"]
    near = np.hypot(error[0], error[1]) < 0.03 and abs(error[2]) < 0.03
    return bool(RIM_GAP[0] < gap < RIM_GAP[1] and abs(closing) < SETTLED_FINGER_SPEED and near)


def _read_fingers(truth: Mapping[str, F64]) -> tuple[float, float]:
    """Returns the gap between the fingers [m] and how fast it closes [m/s].

    Args:
        truth: Its ``fingers``, shape (4,), are read.
    """
    left, right, left_speed, right_speed = truth["fingers"]
    return float(left - right), float(right_speed - left_speed)


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


def _plan_approach(truth: Mapping[str, F64], side: F64, grasp: F64) -> tuple[F64, F64, float]:
    """Returns goal, finger axis and gripper command while the bowl is not held.

    Args:
        truth: Simulator truth by name.
        side: Direction from the bowl's axis to the grasp. Shape (2,).
        grasp: The grasp point [m]. Shape (3,).

    Returns:
        Shapes (3,) [m] and (2,), and -1 or 1.
    """
    error = grasp - truth["ee_pos"]
    away = float(np.hypot(error[0], error[1]))
    gap, closing = _read_fingers(truth)
    empty = gap < RIM_GAP[0] or (gap < OPEN_GAP and closing < -0.02)
    # Once the fingers move, small wobbles of the hand must not open them again.
    tolerance = GRASP_TOLERANCE if gap > OPEN_GAP else 2.0 * GRASP_TOLERANCE
    still = gap < OPEN_GAP or np.linalg.norm(truth["ee_vel"]) < STILL_HAND_SPEED
    if away < tolerance and abs(error[2]) < tolerance and still and not empty:
        return grasp, side, CLOSE
    goal = grasp.copy()
    # The same funnel around the grasp; with closed fingers the hand stays above it.
    goal[2] += HOVER_HEIGHT if gap < OPEN_GAP else np.clip(4.0 * (away - 0.012), 0.0, HOVER_HEIGHT)
    if away > 0.05 and error[2] > -0.5 * HOVER_HEIGHT:
        # Rise before moving sideways, so as not to sweep things away.
        goal = truth["ee_pos"] + np.array([0.0, 0.0, error[2] + HOVER_HEIGHT])
    return goal, side, OPEN


def _compute_action(truth: Mapping[str, F64], goal: F64, axis: F64, gripper: float) -> F64:
    """Turns a goal [m], shape (3,), and a finger axis, shape (2,), into one action, shape (7,)."""
    action = np.zeros(7)
    error = goal - truth["ee_pos"] - LOOKAHEAD * truth["ee_vel"]
    action[:3] = np.clip(POSITION_GAIN * error / 0.05, -1.0, 1.0)
    action[3:6] = np.clip(
        ROTATION_GAIN * _rotation_to(truth["ee_mat"], axis, _hand_pitch(goal, axis)) / 0.5,
        -1.0,
        1.0,
    )
    action[6] = gripper
    return action


def _rotation_to(current: F64, axis: F64, pitch: float) -> F64:
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
    desired = np.stack((x, np.cross(z, x), z), axis=1)
    return np.asarray(0.5 * np.cross(current, desired, axis=0).sum(axis=1))


def _hand_pitch(goal: F64, axis: F64) -> float:
    """Returns how far the hand leans outwards [rad]: upright, the arm is too short far out.

    Only about the finger axis: leaning across it would put one finger below the other.

    Args:
        goal: The grip site's goal [m]. Shape (3,).
        axis: Finger axis. Shape (2,).
    """
    if abs(axis[1]) < abs(axis[0]):
        return 0.0
    radius = float(np.hypot(goal[0] - ROBOT_BASE[0], goal[1] - ROBOT_BASE[1]))
    return float(np.clip(LEAN * (radius - LEAN_FROM), 0.0, LEAN_MOST))
