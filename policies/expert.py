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
RIM = 0.047
"""Distance from the bowl's axis to the grasp point on its rim [m]."""
RIM_IN_DRAWER = 0.038
"""The same in a drawer, whose wall leaves less room for the outer finger [m]."""
GRASP_HEIGHT = 0.042
"""Height of the grip site above the bowl's origin when grasping [m]."""
HOVER = 0.10
"""Height above the grasp from which the hand comes down [m]."""
TOLERANCE = 0.011
"""Distance from the grasp point at which the fingers close [m]."""
LIFT = 0.13
"""Height of the carried bowl above the target's origin, at least [m]."""
CLEARANCE = 0.09
"""Height that a bowl is lifted above where it stood [m]."""
RELEASE = (0.020, 0.022)
"""Horizontal and vertical distance of bowl and target at which the fingers open [m]."""
_UPRIGHT = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, -1.0]])


class ScriptedExpert:
    """Solves the pick-and-place tasks of LIBERO-Spatial from simulator truth.

    Args:
        name: Name of the policy.
    """

    def __init__(self, name: str) -> None:
        digest = hashlib.sha256(b"scripted-expert-1").hexdigest()
        self._spec = PolicySpec(name, digest, {}, horizon=1, execute=1, taps={}, privileged=True)

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
        goal, axis, gripper = _plan(truth)
        return _servo(truth, goal, axis, gripper)

    def close(self) -> None:
        """Nothing to free."""


def _plan(truth: Mapping[str, F64]) -> tuple[F64, F64, float]:
    """Returns where the grip site should go [m], the finger axis, and the gripper command."""
    bowl, target, ee = truth["object_pos"], truth["target_pos"], truth["ee_pos"]
    in_drawer = bool(np.isfinite(truth["drawer_axis"]).all())
    side = _grasp_side(truth, in_drawer)
    held = _held(truth)
    apart = float(np.hypot(*(bowl - target)[:2]))
    if apart < RELEASE[0] and bowl[2] - target[2] < RELEASE[1]:
        return ee + np.array([0.0, 0.0, HOVER]), side, OPEN
    if held:
        return _carry(truth, apart), truth["ee_mat"][:2, 0], CLOSE
    return _approach(truth, side, in_drawer)


def _grasp_side(truth: Mapping[str, F64], in_drawer: bool) -> F64:
    """Returns the horizontal direction from the bowl's axis to the grasp point."""
    if not in_drawer:
        return np.array([0.0, 1.0])
    axis = truth["drawer_axis"]
    return axis if axis[0] > 0 else -axis


def _held(truth: Mapping[str, F64]) -> bool:
    """Both pads touch the bowl and the fingers have come to rest."""
    fingers = truth["fingers"]
    closing = fingers[3] - fingers[2]  # closing speed of the gap [m/s]
    return bool(truth["touch"].all() and closing < 0.02)


def _carry(truth: Mapping[str, F64], apart: float) -> F64:
    """Returns the grip site's goal while the bowl is held: up, over, down."""
    bowl, target, ee = truth["object_pos"], truth["target_pos"], truth["ee_pos"]
    travel = target[2] + max(LIFT, 0.0)
    height = target[2] + 0.015 + np.clip(4.0 * (apart - 0.012), 0.0, travel - target[2])
    goal = ee.copy()
    goal[2] += height - bowl[2]
    if bowl[2] > min(height, travel) - 0.02 or apart < 0.03:
        goal[:2] += (target - bowl)[:2]
    return goal


def _approach(
    truth: Mapping[str, F64], side: F64, in_drawer: bool
) -> tuple[F64, F64, float]:
    """Returns goal, finger axis and gripper command while the bowl is not held."""
    bowl, ee, fingers = truth["object_pos"], truth["ee_pos"], truth["fingers"]
    rim = RIM_IN_DRAWER if in_drawer else RIM
    grasp = bowl + np.array([*(rim * side), GRASP_HEIGHT])
    error = grasp - ee
    away = float(np.hypot(error[0], error[1]))
    gap, opening = fingers[0] - fingers[1], fingers[2] - fingers[3]
    empty = gap < 0.006 or (gap < 0.06 and opening > 0.005)
    if away < TOLERANCE and abs(error[2]) < TOLERANCE and not empty:
        return grasp, side, CLOSE
    goal = grasp.copy()
    goal[2] += HOVER if gap < 0.06 else np.clip(4.0 * (away - 0.012), 0.0, HOVER)
    if away > 0.05 and ee[2] < grasp[2] + 0.5 * HOVER:
        goal[:2] = ee[:2]  # rise before moving sideways, so as not to sweep things away
        goal[2] = grasp[2] + HOVER
    return goal, side, OPEN


def _servo(truth: Mapping[str, F64], goal: F64, axis: F64, gripper: float) -> F64:
    """Turns a goal pose into one normalised delta action."""
    action = np.zeros(7)
    action[:3] = np.clip(1.6 * (goal - truth["ee_pos"]) / 0.05, -1.0, 1.0)
    action[3:6] = np.clip(1.2 * _rotation_to(truth["ee_mat"], axis) / 0.5, -1.0, 1.0)
    action[6] = gripper
    return action


def _rotation_to(current: F64, axis: F64) -> F64:
    """Returns the axis-angle [rad] to a hand that points down with its fingers along an axis."""
    x = np.array([axis[0], axis[1], 0.0])
    if x @ current[:, 0] < 0:
        x = -x  # the fingers are alike: take the nearer of the two ways
    x /= np.linalg.norm(x)
    z = np.array([0.0, 0.0, -1.0])
    desired = np.stack((x, np.cross(z, x), z), axis=1)
    return 0.5 * sum(  # type: ignore[return-value]
        (np.cross(current[:, i], desired[:, i]) for i in range(3)), np.zeros(3)
    )
