"""Start states: LIBERO's official ones, and wide ones jittered from the episode's address.

``official``: the index-th of LIBERO's 50 states; fixture poses from LIBERO's own range.
``wide``: an official state in which every group of objects that stand on each other, and every
fixture with what stands on or in it, is moved by an independent uniform offset. Draws that put
objects into collision, off the table or out of reach are rejected; so is a draw after whose
settling something has fallen over or slid away (`is_admissible`).
"""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

from aegis.core.errors import StartStateError, UnknownNameError
from aegis.core.seeds import episode_stream
from aegis.core.types import F64, EpisodeKey
from envs.libero.scene import Fixture, Movable, Scene

START_FAMILIES = ("official", "wide")
OFFICIAL_STARTS = 50
"""Start states that LIBERO gives with each task."""
JITTER = 0.04
"""Largest offset of a group of movable objects on each axis [m]."""
STACKED_JITTER = 0.01
"""Largest offset of an object relative to the object or fixture that carries it [m]."""
FIXTURE_JITTER = 0.02
"""Largest offset of a fixture from the middle of LIBERO's region on each axis [m]."""
REACH_RANGE = (0.35, 0.80)
"""Smallest and largest distance of target and goal from the robot's base [m]."""
TABLE_BOUNDS = (-0.40, 0.34, -0.42, 0.42)
"""Where objects may stand: x low, x high, y low, y high [m]."""
MAX_ATTEMPTS = 200
_MAX_PENETRATION = -0.002


@dataclass(frozen=True, slots=True, eq=False)
class StartState:
    """Where everything stands when an episode begins, before settling.

    Attributes:
        qpos: Shape (nq,).
        qvel: Shape (nv,).
        body_pos: Fixture body id to position [m].
        body_quat: Fixture body id to quaternion, wxyz.
    """

    qpos: F64
    qvel: F64
    body_pos: dict[int, F64]
    body_quat: dict[int, F64]


def draw_start(scene: Scene, key: EpisodeKey, attempt: int) -> StartState:
    """Draws the start state of an episode.

    Args:
        scene: The task.
        key: The episode's address.
        attempt: Number of draws for this episode that were rejected; part of the address.

    Raises:
        UnknownNameError: If ``key.start`` is not a family.
        StartStateError: If the family has no such index.
    """
    if key.start not in START_FAMILIES:
        raise UnknownNameError("start family", key.start, START_FAMILIES, "the LIBERO environment")
    if key.index < 0 or (key.start == "official" and key.index >= len(scene.official)):
        raise StartStateError(
            f"Start '{key.start}' has no index {key.index} in {scene.instruction!r}; official "
            f"starts go from 0 to {len(scene.official) - 1}, wide ones from 0 up."
        )
    rng = episode_stream(key, "start", attempt)
    if key.start == "official":
        return _draw_official(scene, key.index, rng)
    return _draw_wide(scene, rng)


def _draw_official(scene: Scene, index: int, rng: np.random.Generator) -> StartState:
    qpos, qvel = _official_state(scene, index)
    poses = {f.body: _map_fixture_pose(f, rng.uniform(size=3)) for f in scene.fixtures}
    return StartState(
        qpos, qvel, {b: p for b, (p, _) in poses.items()}, {b: q for b, (_, q) in poses.items()}
    )


def _draw_wide(scene: Scene, rng: np.random.Generator) -> StartState:
    qpos, qvel = _official_state(scene, int(rng.integers(len(scene.official))))
    position: dict[int, F64] = {}
    rotation: dict[int, F64] = {}
    offset: dict[str, F64] = {"table": np.zeros(2)}
    for fixture in scene.fixtures:
        nominal, _ = _map_fixture_pose(fixture, np.full(3, 0.5))
        pose, quat = _map_fixture_pose(fixture, np.array([0.5, 0.5, rng.uniform()]))
        pose[:2] += rng.uniform(-FIXTURE_JITTER, FIXTURE_JITTER, size=2)
        position[fixture.body], rotation[fixture.body] = pose, quat
        offset[fixture.name] = (pose - nominal)[:2]
    for movable in _order_by_support(scene):
        limit = JITTER if movable.support == "table" else STACKED_JITTER
        # What stands on something moves with it, and then a little on it.
        offset[movable.name] = offset[movable.support] + rng.uniform(-limit, limit, size=2)
        qpos[movable.qpos : movable.qpos + 2] += offset[movable.name]
    return StartState(qpos, qvel, position, rotation)


def _order_by_support(scene: Scene) -> list[Movable]:
    done = {"table", *(f.name for f in scene.fixtures)}
    # Supports before what they carry, whose offset is added to theirs.
    ordered: list[Movable] = []
    rest = list(scene.movables)
    while rest:
        ready = [m for m in rest if m.support in done]
        ordered += ready
        done |= {m.name for m in ready}
        rest = [m for m in rest if m not in ready]
    return ordered


def _official_state(scene: Scene, index: int) -> tuple[F64, F64]:
    """Returns qpos, shape (nq,), and qvel, shape (nv,), of one of LIBERO's initial states."""
    nq = scene.model.nq
    row = scene.official[index]
    return row[1 : 1 + nq].copy(), row[1 + nq :].copy()


def _map_fixture_pose(fixture: Fixture, u: F64) -> tuple[F64, F64]:
    """Maps three uniform numbers, shape (3,), to a pose in LIBERO's region.

    Returns:
        Position [m], shape (3,), and quaternion (wxyz), shape (4,).
    """
    ranges = (fixture.x, fixture.y, fixture.yaw)
    x, y, yaw = (low + (high - low) * t for (low, high), t in zip(ranges, u, strict=True))
    quat = np.array([np.cos(yaw / 2), 0.0, 0.0, np.sin(yaw / 2)])
    return np.array([x, y, fixture.z]), quat


def has_collision(model: mujoco.MjModel, data: mujoco.MjData) -> bool:
    """Returns whether anything penetrates anything by more than 2 mm."""
    return bool((data.contact.dist < _MAX_PENETRATION).any())


def is_admissible(scene: Scene, data: mujoco.MjData, start: StartState) -> bool:
    """Returns whether a settled state is a fair start.

    Every object must still be upright and near where it was put (2 cm horizontally), on the table,
    and the objects that the goal names must be within reach.
    """
    base = data.xpos[scene.model.body("robot0_base").id][:2]
    named = {name for goal in scene.goals for name in goal}
    for movable in scene.movables:
        p = data.xpos[movable.body]
        put = start.qpos[movable.qpos : movable.qpos + 2]
        # The cosine of the tilt of its own z axis: up to 14 degrees.
        upright = data.xmat[movable.body][8] > 0.97
        # What moves 2 cm while it settles was pushed, fell or slid.
        if not upright or np.hypot(*(p[:2] - put)) > 0.02:
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
