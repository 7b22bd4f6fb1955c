"""Builds robosuite's scenes: compiled once a process, the same in every process."""

from __future__ import annotations

import copy
import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import mujoco
import numpy as np

from aegis.core.types import F64
from envs.contained import contain_side_effects
from envs.robosuite_import import build_panda_options, import_quietly


@dataclass(frozen=True, slots=True)
class RobosuiteScene:
    """A task as robosuite has compiled it.

    Attributes:
        model: The compiled model; who changes it copies it first.
        rest: Where the arm rests and things start before they are placed [m, rad]. Shape (nq,).
        digest: Hash of the model.
    """

    model: mujoco.MjModel
    rest: F64
    digest: str


def make_environment(task: str) -> Any:
    """Builds robosuite's own environment, as tests and benchmarks compare with.

    Sizes that it draws as it builds, like those of cubes, are the same each time.

    Args:
        task: robosuite's name of the task.

    Raises:
        MachineError: If robosuite cannot be imported.
    """
    robosuite, options = import_quietly("robosuite"), build_panda_options()
    with contain_side_effects():
        # Or every reset would compile another model, and views would look at the old one.
        return robosuite.make(task, **options, hard_reset=False)


@lru_cache(maxsize=2)
def build_scene(task: str) -> RobosuiteScene:
    """Returns a task's scene; the two that were asked for last are kept.

    Args:
        task: robosuite's name of the task.

    Raises:
        MachineError: If robosuite cannot be imported.
    """
    environment = make_environment(task)
    with contain_side_effects():
        environment.reset()
    model = copy.copy(environment.sim.model._model)
    rest = environment.sim.data._data.qpos.copy()
    environment.close()
    rest.setflags(write=False)
    buffer = np.empty(mujoco.mj_sizeModel(model), np.uint8)
    mujoco.mj_saveModel(model, None, buffer)
    digest = hashlib.blake2b(buffer.tobytes(), digest_size=8).hexdigest()
    model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_SENSOR  # the robot's sensors are not read
    return RobosuiteScene(model, rest, digest)
