"""A scripted expert for robosuite's Lift and Stack: grasps the cube, lifts it, stacks it.

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
POSITION_GAIN, ROTATION_GAIN = 30.0, 2.0
"""Action per position error [1/m] and per rotation error [1/rad], before it is clipped."""
GRASP_DISTANCE = 0.01
"""Distance of the hand from the cube, sideways and up, at which the fingers close [m]."""
HOVER_HEIGHT = 0.1
"""Height above the cube from which the hand comes down [m]."""
MAX_OPEN_GAP = 0.06
"""Gap of the fingers from which they have let go of a cube [m]."""
MAX_HELD_GAP, MIN_HELD_GAP = 0.055, 0.02
"""Gap of the fingers with a cube between them [m]."""
CARRY_HEIGHT = 0.09
"""Height of the carried cube's middle above the other's [m]."""
STACK_DISTANCE = 0.006
"""Distance of the cubes' axes within which the carried one is lowered [m]."""
STACKED_HEIGHT = 0.049
"""Height of the upper cube's middle above the lower's at which it is let go [m]."""

_CUBE_TRUTH = {"object_pos", "object_mat", "ee_pos", "ee_mat", "fingers"}
_OTHER_TRUTH = {"handle_pos", "drawer_axis"}
"""Truth of doors, of robosuite's and of LIBERO's."""


class RobosuiteExpert:
    """Solves Lift and Stack from simulator truth.

    Args:
        name: Name of the policy.
    """

    def __init__(self, name: str) -> None:
        # Raise the number whenever the expert acts otherwise: its constants are not hashed.
        digest = hashlib.sha256(b"robosuite-expert-1").hexdigest()
        self._spec = PolicySpec(
            name, digest, {}, horizon=1, execute=1, taps={}, privileged=True, dimensions=7
        )

    @property
    def spec(self) -> PolicySpec:
        """What the policy needs and gives."""
        return self._spec

    def propose(self, queries: Sequence[Query]) -> list[Proposal]:
        """Returns one action per query.

        Raises:
            ConfigError: If the world gives no simulator truth of a cube.
        """
        return [
            Proposal(self._spec.name, query.k, self.act(query.obs)[None].astype(np.float32))
            for query in queries
        ]

    def act(self, obs: Observation) -> F64:
        """Returns the action for one observation. Shape (7,).

        Raises:
            ConfigError: If the world gives no simulator truth of a cube.
        """
        truth = obs.privileged
        other = sorted(truth.keys() & _OTHER_TRUTH)
        missing = sorted(_CUBE_TRUTH - truth.keys())
        if missing or other or ("target_pos" in truth) != ("target_mat" in truth):
            raise ConfigError(
                "The robosuite expert lifts and stacks cubes; this world's truth tells of other "
                f"things (missing: {missing}, besides: {other}). Use it with env=robosuite_lift or "
                "env=robosuite_stack."
            )
        goal, gripper = _plan_motion(truth)
        turn = ROTATION_GAIN * _measure_turn(truth)
        return np.array([*np.clip(goal * POSITION_GAIN, -1, 1), *np.clip(turn, -1, 1), gripper])

    def close(self) -> None:
        """Nothing to free."""


def _plan_motion(truth: Mapping[str, F64]) -> tuple[F64, float]:
    """Returns where the hand should move from where it is [m], shape (3,), and the grip."""
    error = truth["object_pos"] - truth["ee_pos"]
    away = float(np.hypot(error[0], error[1]))
    if "target_pos" in truth and _is_stacked(truth):
        # Up only with open fingers: they would take the cube along.
        open_now = float(truth["fingers"][0] - truth["fingers"][1]) > MAX_OPEN_GAP
        return np.array([0.0, 0.0, HOVER_HEIGHT if open_now else 0.0]), OPEN
    if away < GRASP_DISTANCE and abs(error[2]) < GRASP_DISTANCE:
        gap = float(truth["fingers"][0] - truth["fingers"][1])
        if not MIN_HELD_GAP < gap < MAX_HELD_GAP:
            return error, CLOSE
        return _plan_carry(truth), CLOSE
    # Down only as far as the hand is above the cube, or the fingers would push it.
    error[2] += np.clip(4 * (away - 0.012), 0, HOVER_HEIGHT)
    return error, OPEN


def _plan_carry(truth: Mapping[str, F64]) -> F64:
    """Returns where the hand should carry the cube from here [m]. Shape (3,)."""
    if "target_pos" not in truth:
        return np.array([0.0, 0.0, HOVER_HEIGHT])
    way = truth["target_pos"] - truth["object_pos"]
    apart = float(np.hypot(way[0], way[1]))
    height = CARRY_HEIGHT if apart > STACK_DISTANCE else STACKED_HEIGHT - 0.01
    way[2] += height
    if apart > STACK_DISTANCE and way[2] > 0.03:
        way[:2] = 0.0  # up first: the cube must not push the other
    elif apart <= STACK_DISTANCE:
        way[2] = max(way[2], -0.02)
    return way


def _is_stacked(truth: Mapping[str, F64]) -> bool:
    """Returns whether the cube stands on the other, held or not."""
    way = truth["object_pos"] - truth["target_pos"]
    on = float(np.hypot(way[0], way[1])) < 2 * STACK_DISTANCE
    return bool(on and 0.03 < way[2] < STACKED_HEIGHT)


def _measure_turn(truth: Mapping[str, F64]) -> F64:
    """Returns the rotation that brings the fingers to the cube's nearest face [rad]. Shape (3,)."""
    fingers, faces = truth["ee_mat"][:, 0], truth["object_mat"].T
    face = max(
        (sign * face for face in faces for sign in (1, -1)), key=lambda f: float(f @ fingers)
    )
    turn: F64 = np.cross(fingers, face)
    return turn
