"""Posture: the arm begins bent otherwise."""

from __future__ import annotations

import numpy as np

from aegis.core.seeds import episode_stream
from aegis.core.types import F64, EpisodeKey

BEND = 0.02
"""Standard deviation of each joint of the arm for each level [rad]; twice that at most."""
_JOINTS = 7


def bend_arm(qpos: F64, key: EpisodeKey, level: int) -> F64:
    """Returns a start state whose arm is bent otherwise.

    Args:
        qpos: Positions of all joints, the arm's first [rad, m]. Shape (nq,).
        key: The episode's address.
        level: From 0, which changes nothing, to 5.
    """
    if not level:
        return qpos
    bend = episode_stream(key, "disturb", "robot").standard_normal(_JOINTS).clip(-2, 2)
    bent = np.array(qpos)
    bent[:_JOINTS] += BEND * level * bend
    return bent
