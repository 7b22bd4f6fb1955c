"""A LIBERO task as a compiled MuJoCo model plus what our code must know about it.

Built once from hf-libero's own problem classes and BDDL file, then cached on disk: a worker that
has seen the task before loads it in milliseconds and never imports LIBERO or robosuite.
"""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import mujoco
import numpy as np

from aegis.core.errors import UnknownNameError
from aegis.core.types import F64
from envs.libero.cache import cache_dir, write_atomically
from envs.libero.library import package_root, task_names

FORMAT = 3
"""Version of the cached files; raise it when their content changes."""


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
        model: Compiled model. Shared: copy it before changing fixture poses.
        movables: Objects with free joints.
        fixtures: Furniture.
        goals: Pairs (object, target) that must satisfy LIBERO's ``On``.
        official: LIBERO's initial states: time, qpos, qvel. Shape (50, 1 + nq + nv).
        digest: Hash of the model and everything above.
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

    def movable(self, name: str) -> Movable:
        """Returns an object by name."""
        return next(m for m in self.movables if m.name == name)


@dataclass(frozen=True, slots=True)
class SceneMeta:
    """The part of a scene that is stored as JSON; see `Scene`."""

    instruction: str
    movables: tuple[Movable, ...]
    fixtures: tuple[Fixture, ...]
    goals: tuple[tuple[str, str], ...]


def scene_names(suite: str, task: int) -> str:
    """Returns the LIBERO name of a task.

    Raises:
        UnknownNameError: If the suite has no such task.
    """
    names = task_names(suite)
    if not 0 <= task < len(names):
        raise UnknownNameError("task", task, range(len(names)), f"suite {suite}")
    return names[task]


@lru_cache(maxsize=16)
def load_scene(suite: str, task: int, assets: Path, assets_digest: str) -> Scene:
    """Loads a task, building and caching it on first use.

    Args:
        suite: Task suite.
        task: Task number in the suite.
        assets: Folder in the layout of LIBERO's assets.
        assets_digest: Hash of that folder's content.

    Raises:
        UnknownNameError: If there is no such suite or task.
    """
    name = scene_names(suite, task)
    stem = _cache_stem(suite, name, assets_digest)
    if not stem.with_suffix(".npz").exists():
        from envs.libero.build import build_scene  # LIBERO is imported only on a cache miss

        built = build_scene(suite, name, assets)
        _write(stem, built.model, built.meta, built.official)
    return _read(stem, suite, task)


def _cache_stem(suite: str, name: str, assets_digest: str) -> Path:
    bddl = package_root() / "bddl_files" / suite / f"{name}.bddl"
    parts = [str(FORMAT), mujoco.__version__, suite, name, assets_digest, bddl.read_text()]
    digest = hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:20]
    return cache_dir() / "scenes" / f"{suite}-{digest}"


def _write(stem: Path, model: mujoco.MjModel, meta: SceneMeta, official: F64) -> None:
    buffer = np.empty(mujoco.mj_sizeModel(model), np.uint8)
    mujoco.mj_saveModel(model, None, buffer)
    write_atomically(stem.with_suffix(".mjb"), buffer.tobytes())
    packed = io.BytesIO()
    np.savez_compressed(packed, official=official, meta=json.dumps(asdict(meta)))
    write_atomically(stem.with_suffix(".npz"), packed.getvalue())  # last: marks the pair complete


def _read(stem: Path, suite: str, task: int) -> Scene:
    model = mujoco.MjModel.from_binary_path(str(stem.with_suffix(".mjb")))
    with np.load(stem.with_suffix(".npz"), allow_pickle=False) as packed:
        official = np.array(packed["official"])
        meta = json.loads(str(packed["meta"]))
    official.setflags(write=False)
    movables = tuple(Movable(**{**m, "geoms": tuple(m["geoms"])}) for m in meta["movables"])
    fixtures = tuple(
        Fixture(**{**f, "x": tuple(f["x"]), "y": tuple(f["y"]), "yaw": tuple(f["yaw"])})
        for f in meta["fixtures"]
    )
    goals = tuple((a, b) for a, b in meta["goals"])
    return Scene(
        suite, task, meta["instruction"], model, movables, fixtures, goals, official, stem.name
    )
