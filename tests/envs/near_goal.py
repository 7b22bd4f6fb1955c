"""States around a goal: objects and joints put near where each of its terms begins to hold."""

import mujoco
import numpy as np

from envs.libero.goals.terms import GoalTerm, InRegion, JointAt, OnBody, OnRegion
from tests.envs.reference import Reference


def put_near_goal(both: Reference, rng: np.random.Generator) -> None:
    """Changes LIBERO's own state, and computes it afresh."""
    for term in both.scene.goals:
        _put_near_term(both, term, rng)
    mujoco.mj_forward(both.theirs_model, both.theirs)


def _put_near_term(both: Reference, term: GoalTerm, rng: np.random.Generator) -> None:
    qpos, data = both.theirs.qpos, both.theirs
    if isinstance(term, JointAt):
        for name in term.joints:
            qpos[both.scene.find_joint(name).qpos] = term.limit + rng.choice(
                [-0.1, -1e-9, 0.0, 1e-9, 0.1]
            )
        return
    place = both.scene.find_movable(term.thing).qpos
    if isinstance(term, OnBody):
        radius, angle = rng.choice([0.0, 0.02, 0.029, 0.031]), rng.uniform(-np.pi, np.pi)
        offset = [radius * np.cos(angle), radius * np.sin(angle), rng.uniform(-0.01, 0.06)]
        qpos[place : place + 3] = data.xpos[both.scene.find_body(term.target)] + offset
        return
    region = both.scene.find_region(term.region)
    frame = data.site_xmat[region.site].reshape(3, 3)
    within = rng.uniform(-1, 1, 3) * rng.choice([0.3, 0.9, 1.05])
    if isinstance(term, InRegion):
        within[2] -= 0.01 / region.size[2] * rng.choice([0.0, 0.9, 1.2])
        reach = np.abs(frame @ np.array(region.size))
        qpos[place : place + 3] = data.site_xpos[region.site] + within * reach
    elif isinstance(term, OnRegion):
        local = within * region.size
        local[2] = region.size[2] + rng.choice([-0.006, -0.004, 0.02, 0.05, 0.09, 0.101])
        qpos[place : place + 3] = data.site_xpos[region.site] + frame.T @ local
