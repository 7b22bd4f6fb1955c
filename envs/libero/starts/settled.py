"""Wide starts of all suites but LIBERO-Spatial: official states that have come to rest, jittered.

LIBERO's official states are not at rest: groceries stand up to 4 cm in the floor and are thrown
out of it, others hang in the air. A start is drawn from where things end up. What is fair is judged
against that state too, since many objects lie on their sides and some stand on a floor or a shelf.
"""

from __future__ import annotations

import mujoco
import numpy as np

from envs.libero.exact_stepper import Stepper
from envs.libero.goals.terms import list_named_things
from envs.libero.scene import Movable, Scene
from envs.libero.starts.start_state import (
    JITTER,
    MAX_PENETRATION,
    MAX_SLIDE,
    MIN_UPRIGHT,
    Rest,
    StartState,
    draw_wide_start,
    find_base,
    map_fixture_pose,
    read_official_state,
)

REST_SPEED = 0.02
"""Largest speed of what is at rest, [m/s] and [rad/s]."""
MIN_SETTLE_STEPS, MAX_SETTLE_STEPS = 10, 100
"""Control steps that an official state is given to come to rest."""
ROBOT_JOINTS = 9
"""Joints of arm and fingers; they are the first in qpos and qvel."""


def draw_settled_start(scene: Scene, rng: np.random.Generator) -> StartState:
    """Draws an official state, takes where it comes to rest, and jitters that."""
    rest = find_rest(scene, int(rng.integers(len(scene.official))))
    return draw_wide_start(scene, rest.qpos.copy(), np.zeros(scene.model.nv), rng, rest)


def find_rest(scene: Scene, index: int) -> Rest:
    """Returns the state that an official one comes to rest in; it is kept with the scene."""
    if index not in scene.rests:
        scene.rests[index] = _settle_official_state(scene, index)
    return scene.rests[index]


def has_new_collision(data: mujoco.MjData, rest: Rest) -> bool:
    """Returns whether anything penetrates anything by 2 mm more than at rest."""
    return bool((data.contact.dist < -MAX_PENETRATION - rest.depth).any())


def is_still_fair(scene: Scene, data: mujoco.MjData, start: StartState, rest: Rest) -> bool:
    """Returns whether a settled state is a fair start.

    Every object must lie on the side that it lay on at rest, near where it was put (2 cm) and at
    its height, and the objects that the goal names must be about as near to the robot's base as in
    LIBERO's own states.
    """
    base = find_base(scene, data)
    named = list_named_things(scene.goals)
    for i, movable in enumerate(scene.movables):
        p = data.xpos[movable.body]
        put = start.qpos[movable.qpos : movable.qpos + 2]
        up = data.xmat[movable.body].reshape(3, 3)[2]  # the vertical in its own frame
        if up @ rest.up[i] < MIN_UPRIGHT:
            return False
        if np.hypot(*(p[:2] - put)) > MAX_SLIDE or abs(p[2] - rest.height[i]) > MAX_SLIDE:
            return False
        if movable.name in named:
            near, far = _find_reach(scene, movable, base)
            if not near < np.hypot(*(p[:2] - base)) < far:
                return False
    return True


def _find_reach(scene: Scene, movable: Movable, base: np.ndarray) -> tuple[float, float]:
    """Returns nearest and farthest allowed distance of an object from the base (2,) [m]."""
    places = scene.official[:, 1 + movable.qpos : 3 + movable.qpos]
    distance = np.hypot(*(places - base).T)
    # Half of the jitter: what LIBERO puts farthest away is put not much farther.
    return float(distance.min() - JITTER / 2), float(distance.max() + JITTER / 2)


def _settle_official_state(scene: Scene, index: int) -> Rest:
    model = scene.model
    data = mujoco.MjData(model)
    qpos, qvel = read_official_state(scene, index)
    data.qpos[:], data.qvel[:] = qpos, qvel
    for fixture in scene.fixtures:
        pos, quat = map_fixture_pose(fixture, np.full(3, 0.5))
        model.body_pos[fixture.body], model.body_quat[fixture.body] = pos, quat
    mujoco.mj_forward(model, data)
    stepper = Stepper(model, data)
    stepper.reset()
    stepper.settle_bodies(MIN_SETTLE_STEPS)
    for _ in range(MAX_SETTLE_STEPS - MIN_SETTLE_STEPS):
        if np.abs(data.qvel[ROBOT_JOINTS:]).max() < REST_SPEED:
            break
        stepper.settle_bodies(1)
    mujoco.mj_forward(model, data)
    bodies = [movable.body for movable in scene.movables]
    settled = data.qpos.copy()
    settled[:ROBOT_JOINTS] = qpos[:ROBOT_JOINTS]  # it begins as LIBERO's does
    return Rest(
        qpos=settled,
        height=data.xpos[bodies, 2].copy(),
        up=data.xmat[bodies].reshape(-1, 3, 3)[:, 2].copy(),
        depth=float(max(0.0, -data.contact.dist.min(initial=0.0))),
    )
