"""A LIBERO task as a compiled MuJoCo model plus what our code must know about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import mujoco
import numpy as np

from aegis.core.types import F64, U8
from envs.libero.goals.terms import GoalTerm

if TYPE_CHECKING:
    from envs.libero.starts.start_state import Rest


@dataclass(frozen=True, slots=True)
class Movable:
    """An object with a free joint.

    Attributes:
        name: LIBERO's name, for example ``"akita_black_bowl_1"``.
        body: Body id.
        qpos: Address of its pose (position [m], quaternion wxyz) in qpos.
        geoms: Ids of its collision geoms.
        support: What it stands on at the start: an object, a fixture, or ``"table"``.
        inside: Whether it is in its support, for example in a drawer, rather than on top.
        region: Region of its support that it stands in or on; empty on the table or an object.
    """

    name: str
    body: int
    qpos: int
    geoms: tuple[int, ...]
    support: str
    inside: bool
    region: str


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
        geoms: Ids of its collision geoms, those of its drawers and doors included.
    """

    name: str
    body: int
    x: tuple[float, float]
    y: tuple[float, float]
    yaw: tuple[float, float]
    z: float
    geoms: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Region:
    """A box that goals name: a zone of the table, a drawer, the top of a cabinet.

    Attributes:
        name: LIBERO's name, for example ``"wooden_cabinet_1_top_region"``.
        site: Id of its site, which has its pose.
        size: Half of its sides [m]. Shape (3,).
        owner: Object or fixture that it belongs to; empty for a zone of the table.
        joints: Names of the joints that move it within its owner.
    """

    name: str
    site: int
    size: tuple[float, float, float]
    owner: str
    joints: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Joint:
    """A joint of a fixture: a drawer's slide, a door's hinge, a knob.

    Attributes:
        name: Its name in the model.
        fixture: Name of the fixture.
        body: Id of the body that it moves.
        qpos: Address of its position, [rad] or [m], in qpos.
    """

    name: str
    fixture: str
    body: int
    qpos: int


@dataclass(frozen=True, slots=True)
class Glow:
    """A site that is seen only while a joint is turned on: the burner of a stove.

    Attributes:
        site: Id of the site.
        qpos: Address of the joint's angle [rad] in qpos.
        limit: Angle from which on it glows [rad].
    """

    site: int
    qpos: int
    limit: float


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
        regions: Regions that LIBERO's task file names.
        joints: Joints of the fixtures.
        glows: Sites that glow while something is turned on.
        goals: Terms of the goal, which must all hold at one instant.
        official: LIBERO's initial states: time, qpos, qvel. Shape (50, 1 + nq + nv).
        digest: Hash of the physics and everything above.
        looks: Name of the model with its visual meshes and textures.
        rests: Official states at rest by index, as they are found; for the starts alone.
    """

    suite: str
    task: int
    instruction: str
    model: mujoco.MjModel
    movables: tuple[Movable, ...]
    fixtures: tuple[Fixture, ...]
    regions: tuple[Region, ...]
    joints: tuple[Joint, ...]
    glows: tuple[Glow, ...]
    goals: tuple[GoalTerm, ...]
    official: F64
    digest: str
    looks: str
    rests: dict[int, Rest] = field(default_factory=dict, repr=False)

    def find_movable(self, name: str) -> Movable:
        """Returns an object by name."""
        return next(m for m in self.movables if m.name == name)

    def find_region(self, name: str) -> Region:
        """Returns a region by name."""
        return next(r for r in self.regions if r.name == name)

    def find_joint(self, name: str) -> Joint:
        """Returns a fixture's joint by name."""
        return next(j for j in self.joints if j.name == name)

    def find_body(self, name: str) -> int:
        """Returns the body id of an object or fixture."""
        return self._find_thing(name).body

    def find_geoms(self, name: str) -> tuple[int, ...]:
        """Returns the ids of the collision geoms of an object or fixture."""
        return self._find_thing(name).geoms

    def _find_thing(self, name: str) -> Movable | Fixture:
        things: list[Movable | Fixture] = [*self.movables, *self.fixtures]
        return next(thing for thing in things if thing.name == name)


@dataclass(frozen=True, slots=True)
class SceneMeta:
    """The part of a scene that is stored as JSON; see `Scene`."""

    instruction: str
    movables: tuple[Movable, ...]
    fixtures: tuple[Fixture, ...]
    regions: tuple[Region, ...]
    joints: tuple[Joint, ...]
    glows: tuple[Glow, ...]
    goals: tuple[GoalTerm, ...]


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
