"""Loads scenes: built once from hf-libero's own classes and BDDL files, then kept on disk.

A worker that has seen a task before loads it in milliseconds and never imports LIBERO or robosuite.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import mujoco
import numpy as np

from aegis.core.errors import MachineError
from aegis.core.types import F64
from aegis.host.folders import list_cache_folders
from envs.libero.cache import write_atomically
from envs.libero.goals.terms import pack_term, unpack_term
from envs.libero.scene import Fixture, Glow, Joint, Movable, Region, Scene, SceneMeta
from envs.libero.suites.task_files import TaskFiles, find_task_files

CACHE_FORMAT = 4
"""Version of the cached files; raise it when their content changes."""
SCENE_VERSION = 3
"""Version of the scenes, which their digests hold; raise it when a scene's physics change."""
CACHED_BYTES = 256 * 2**20
"""Size of the compiled models that a process keeps [bytes], the one in use always among them.

A model takes from 4 MB to 183 MB, of which textures are the most."""
Part = TypeVar("Part", Movable, Fixture, Region, Joint, Glow)
_loaded: OrderedDict[tuple[object, ...], Scene] = OrderedDict()


def load_scene(
    suite: str, task: int, assets: Path, assets_digest: str, robot: str = "light"
) -> Scene:
    """Loads a task, building and caching it on first use; one that was loaded last is kept.

    Args:
        suite: Task suite.
        task: Task number in the suite.
        assets: Folder in the layout of LIBERO's assets.
        assets_digest: Hash of that folder's content.
        robot: What the robot looks like: ``"light"``, with few polygons, or ``"robosuite"``, as it
            comes. The physics are the same.

    Raises:
        UnknownNameError: If there is no such suite or task.
        MachineError: If the cache cannot be written.
    """
    key = (suite, task, assets, assets_digest, robot)
    if key not in _loaded:
        _loaded[key] = _load_scene(*key)
    _loaded.move_to_end(key)
    _drop_scenes()
    return _loaded[key]


def _drop_scenes() -> None:
    """Drops the scenes that were used longest ago, as far as they are too large together."""
    while len(_loaded) > 1 and sum(_measure_scene(one) for one in _loaded.values()) > CACHED_BYTES:
        _loaded.popitem(last=False)


def _measure_scene(scene: Scene) -> int:
    return int(mujoco.mj_sizeModel(scene.model))


def _load_scene(suite: str, task: int, assets: Path, assets_digest: str, robot: str) -> Scene:
    files = find_task_files(suite, assets)
    name = files.name_task(task)
    digest = _name_cached_scene(files, name, assets_digest)
    file = f"{digest}-{CACHE_FORMAT}" + ("" if robot == "light" else f"-{robot}")
    stems = [folder / "scenes" / file for folder in list_cache_folders()]
    for stem in stems:
        # What another version or a full disk left behind is built again.
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
            if stem.with_suffix(".npz").exists():
                return _read_scene(stem, suite, task, digest)
    from envs.libero.scene_builder import build_scene  # LIBERO is imported only on a cache miss

    built, stem = build_scene(suite, name, assets, robot), stems[0]
    try:
        _write_scene(stem, built.model, built.meta, built.official)
    except OSError as error:
        raise MachineError(
            f"Cannot keep the compiled scene in {stem.parent}: {error}. Free some space, or name "
            "another folder: AEGIS_CACHE=/some/folder."
        ) from error
    return _read_scene(stem, suite, task, digest)


def _name_cached_scene(files: TaskFiles, name: str, assets_digest: str) -> str:
    """Returns the name of a scene's files: another for other assets, task files or MuJoCo."""
    parts = [
        str(SCENE_VERSION),
        mujoco.__version__,
        files.suite,
        name,
        assets_digest,
        files.find_problem(name).read_text("utf-8"),
    ]
    digest = hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:20]
    return f"{files.suite}-{digest}"


def _write_scene(stem: Path, model: mujoco.MjModel, meta: SceneMeta, official: F64) -> None:
    """Writes a scene with its official start states, shape (50, 1 + nq + nv)."""
    buffer = np.empty(mujoco.mj_sizeModel(model), np.uint8)
    mujoco.mj_saveModel(model, None, buffer)
    write_atomically(stem.with_suffix(".mjb"), buffer.tobytes())
    packed = io.BytesIO()
    fields = {**asdict(meta), "goals": [pack_term(term) for term in meta.goals]}
    np.savez_compressed(packed, official=official, meta=json.dumps(fields))
    write_atomically(stem.with_suffix(".npz"), packed.getvalue())  # last: marks the pair complete


def _read_scene(stem: Path, suite: str, task: int, digest: str) -> Scene:
    model = mujoco.MjModel.from_binary_path(str(stem.with_suffix(".mjb")))
    model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_SENSOR  # the robot's sensors are not read
    with np.load(stem.with_suffix(".npz"), allow_pickle=False) as packed:
        official = np.array(packed["official"])
        meta = json.loads(str(packed["meta"]))
    official.setflags(write=False)
    return Scene(
        suite=suite,
        task=task,
        instruction=meta["instruction"],
        model=model,
        movables=_unpack_all(Movable, meta["movables"]),
        fixtures=_unpack_all(Fixture, meta["fixtures"]),
        regions=_unpack_all(Region, meta["regions"]),
        joints=_unpack_all(Joint, meta["joints"]),
        glows=_unpack_all(Glow, meta["glows"]),
        goals=tuple(map(unpack_term, meta["goals"])),
        official=official,
        digest=digest,
        looks=stem.name,
    )


def _unpack_all(kind: type[Part], packed: list[dict[str, Any]]) -> tuple[Part, ...]:
    """Returns parts of a scene; JSON has made lists of their tuples."""
    make: Callable[..., Part] = kind
    return tuple(
        make(**{k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()})
        for fields in packed
    )
