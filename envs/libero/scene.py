"""A LIBERO task as a compiled MuJoCo model plus what our code must know about it."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

from aegis.core.types import F64, U8


@dataclass(frozen=True, slots=True)
class Movable:
    """An object with a free joint.

    Attributes:
        name: LIBERO's name, for example ``"akita_black_bowl_1"``.
        body: Body id.
        qpos: Address of its pose (position [m], quaternion wxyz) in qpos.
        geoms: Ids of its collision geoms.
        support: What it stands on at the start: an object, a fixture, or ``"table"``.
        inside: Whether it is in a drawer of its support rather than on top.
    """

    name: str
    body: int
    qpos: int
    geoms: tuple[int, ...]
    support: str
    inside: bool


@dataclass(frozen=True, slots=True)
class Fixture:
    """A fixed piece of furniture; its pose lives in the model.

    Attributes:
        name: LIBERO's name, for example ``"wooden_cabinet_1"``.
        body: Body id.
        x: Range of its position that LIBERO samples from [m].
        y: Range of its position that LIBERO samples from [m].
        yaw: Range of its rotation about z [rad].
        z: Height [m].
    """

    name: str
    body: int
    x: tuple[float, float]
    y: tuple[float, float]
    yaw: tuple[float, float]
    z: float


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """One task, ready to simulate.

    Attributes:
        suite: Task suite.
        task: Task number in LIBERO's order.
        instruction: The task in words.
        model: Compiled model. Shared in a process: a user puts fixture poses in first.
        movables: Objects with free joints.
        fixtures: Furniture.
        goals: Pairs (object, target) that must satisfy LIBERO's ``On``.
        official: LIBERO's initial states: time, qpos, qvel. Shape (50, 1 + nq + nv).
        digest: Hash of the physics and everything above.
        looks: Name of the model with its visual meshes and textures.
    """

    suite: str
    task: int
    instruction: str
    model: mujoco.MjModel
    movables: tuple[Movable, ...]
    fixtures: tuple[Fixture, ...]
    goals: tuple[tuple[str, str], ...]
    official: F64
    digest: str
    looks: str

    def find_movable(self, name: str) -> Movable:
        """Returns an object by name."""
        return next(m for m in self.movables if m.name == name)


@dataclass(frozen=True, slots=True)
class SceneMeta:
    """The part of a scene that is stored as JSON; see `Scene`."""

    instruction: str
    movables: tuple[Movable, ...]
    fixtures: tuple[Fixture, ...]
    goals: tuple[tuple[str, str], ...]


def read_model_numbers(model: mujoco.MjModel) -> U8:
    """Returns all numbers of a compiled model [bytes], shape (n,), but where its files lay."""
    parts: list[bytes] = []
    for owner in (model, model.opt, model.stat):
        parts += [
            np.asarray(value).tobytes()
            for name in sorted(dir(owner))
            if not name.startswith("_") and not name.endswith("pathadr")
            if isinstance(value := getattr(owner, name, None), np.ndarray | float)
        ]
    return np.frombuffer(b"".join(parts), np.uint8)
