"""Start states, and what all families share: LIBERO's own states and poses of fixtures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import mujoco
import numpy as np

from aegis.core.types import F64
from envs.libero.scene import Fixture, Movable, Scene

JITTER = 0.04
"""Largest offset of a group of movable objects on each axis [m]."""
STACKED_JITTER = 0.01
"""Largest offset of an object relative to the object or fixture that carries it [m]."""
FIXTURE_JITTER = 0.02
"""Largest offset of a fixture from the middle of LIBERO's region on each axis [m]."""
MAX_SLIDE = 0.02
"""How far an object may move while a wide start settles [m]: else it was pushed, fell or slid."""
MIN_UPRIGHT = 0.97
"""Cosine of the largest tilt of an object that a wide start settles into: 14 degrees."""
MAX_PENETRATION = 0.002
"""How deep things may penetrate each other in a wide start, before it settles [m]."""


@dataclass(frozen=True, slots=True, eq=False)
class Rest:
    """An official state once everything has come to rest, fixtures in the middle of their regions.

    Attributes:
        qpos: Shape (nq,).
        height: Heights of the movable objects [m]. Shape (n,).
        up: The vertical in the frame of each movable object. Shape (n, 3).
        depth: Deepest penetration that is left [m].
    """

    qpos: F64
    height: F64
    up: F64
    depth: float


@dataclass(frozen=True, slots=True, eq=False)
class StartState:
    """Where everything stands when an episode begins, before settling.

    Attributes:
        qpos: Shape (nq,).
        qvel: Shape (nv,).
        body_pos: Fixture body id to position [m].
        body_quat: Fixture body id to quaternion, wxyz.
        rest: State at rest that it was drawn from; None if it was drawn from an official state.
    """

    qpos: F64
    qvel: F64
    body_pos: dict[int, F64]
    body_quat: dict[int, F64]
    rest: Rest | None = None


def draw_official_start(scene: Scene, index: int, rng: np.random.Generator) -> StartState:
    """Returns one of LIBERO's states, with poses of fixtures from LIBERO's own ranges."""
    qpos, qvel = read_official_state(scene, index)
    poses = {f.body: map_fixture_pose(f, rng.uniform(size=3)) for f in scene.fixtures}
    return StartState(
        qpos, qvel, {b: p for b, (p, _) in poses.items()}, {b: q for b, (_, q) in poses.items()}
    )


def draw_wide_start(
    scene: Scene, qpos: F64, qvel: F64, rng: np.random.Generator, rest: Rest | None = None
) -> StartState:
    """Jitters a state: groups of objects that stand on each other, and fixtures with theirs.

    Args:
        scene: The task.
        qpos: Positions to jitter, in place. Shape (nq,).
        qvel: Velocities. Shape (nv,).
        rng: Randomness.
        rest: What the state is, if it is one at rest.
    """
    position: dict[int, F64] = {}
    rotation: dict[int, F64] = {}
    offset: dict[str, F64] = {"table": np.zeros(2)}
    for fixture in scene.fixtures:
        nominal, _ = map_fixture_pose(fixture, np.full(3, 0.5))
        pose, quat = map_fixture_pose(fixture, np.array([0.5, 0.5, rng.uniform()]))
        pose[:2] += rng.uniform(-FIXTURE_JITTER, FIXTURE_JITTER, size=2)
        position[fixture.body], rotation[fixture.body] = pose, quat
        offset[fixture.name] = (pose - nominal)[:2]
    for movable in _order_by_support(scene):
        limit = JITTER if movable.support == "table" else STACKED_JITTER
        # What stands on something moves with it, and then a little on it.
        offset[movable.name] = offset[movable.support] + rng.uniform(-limit, limit, size=2)
        qpos[movable.qpos : movable.qpos + 2] += offset[movable.name]
    return StartState(qpos, qvel, position, rotation, rest)


def _order_by_support(scene: Scene) -> Sequence[Movable]:
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


def read_official_state(scene: Scene, index: int) -> tuple[F64, F64]:
    """Returns qpos, shape (nq,), and qvel, shape (nv,), of one of LIBERO's initial states."""
    nq = scene.model.nq
    row = scene.official[index]
    return row[1 : 1 + nq].copy(), row[1 + nq :].copy()


def map_fixture_pose(fixture: Fixture, u: F64) -> tuple[F64, F64]:
    """Maps three uniform numbers, shape (3,), to a pose in LIBERO's region.

    Returns:
        Position [m], shape (3,), and quaternion (wxyz), shape (4,).
    """
    ranges = (fixture.x, fixture.y, fixture.yaw)
    x, y, yaw = (low + (high - low) * t for (low, high), t in zip(ranges, u, strict=True))
    quat = np.array([np.cos(yaw / 2), 0.0, 0.0, np.sin(yaw / 2)])
    return np.array([x, y, fixture.z]), quat


def find_base(scene: Scene, data: mujoco.MjData) -> F64:
    """Returns the horizontal position of the robot's base [m]. Shape (2,)."""
    return np.array(data.xpos[scene.model.body("robot0_base").id][:2])
