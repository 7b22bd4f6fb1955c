"""Wide starts of LIBERO-Spatial: official states as they are, jittered.

They are those of locked studies, bit for bit. Other suites cannot be drawn like this: their
official states stand half in the floor or fall from the air, and their objects lie on their sides.
"""

from __future__ import annotations

import mujoco
import numpy as np

from envs.libero.goals.terms import list_named_things
from envs.libero.scene import Scene
from envs.libero.starts.start_state import (
    MAX_PENETRATION,
    MAX_SLIDE,
    MIN_UPRIGHT,
    StartState,
    draw_wide_start,
    find_base,
    read_official_state,
)

REACH_RANGE = (0.35, 0.80)
"""Smallest and largest distance of target and goal from the robot's base [m]."""
TABLE_BOUNDS = (-0.40, 0.34, -0.42, 0.42)
"""Where objects may stand: x low, x high, y low, y high [m]."""


def draw_spatial_start(scene: Scene, rng: np.random.Generator) -> StartState:
    """Draws an official state and jitters it."""
    qpos, qvel = read_official_state(scene, int(rng.integers(len(scene.official))))
    return draw_wide_start(scene, qpos, qvel, rng)


def has_collision(data: mujoco.MjData) -> bool:
    """Returns whether anything penetrates anything by more than 2 mm."""
    return bool((data.contact.dist < -MAX_PENETRATION).any())


def is_admissible(scene: Scene, data: mujoco.MjData, start: StartState) -> bool:
    """Returns whether a settled state is a fair start.

    Every object must still be upright and near where it was put (2 cm horizontally), on the table,
    and the objects that the goal names must be within reach.
    """
    base = find_base(scene, data)
    named = list_named_things(scene.goals)
    for movable in scene.movables:
        p = data.xpos[movable.body]
        put = start.qpos[movable.qpos : movable.qpos + 2]
        # The cosine of the tilt of its own z axis.
        upright = data.xmat[movable.body][8] > MIN_UPRIGHT
        if not upright or np.hypot(*(p[:2] - put)) > MAX_SLIDE:
            return False
        if movable.support == "table" and not (
            TABLE_BOUNDS[0] < p[0] < TABLE_BOUNDS[1] and TABLE_BOUNDS[2] < p[1] < TABLE_BOUNDS[3]
        ):
            return False
        if (
            movable.name in named
            and not REACH_RANGE[0] < np.hypot(*(p[:2] - base)) < REACH_RANGE[1]
        ):
            return False
    return True
