"""Builds a scene from hf-libero's problem class: the only code that runs LIBERO and robosuite."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mujoco
import numpy as np

from aegis.core.types import F64
from envs.assets.robot_meshes import substitute_robot_meshes
from envs.camera import GLOW_GROUP
from envs.contained import contain_side_effects
from envs.libero.library import (
    FIRST_SUITE,
    find_package_root,
    import_libero_envs,
    read_instruction,
)
from envs.libero.scene import SceneMeta
from envs.libero.scene_reader import read_scene_meta
from envs.robosuite_import import import_quietly


@dataclass(frozen=True, slots=True, eq=False)
class BuiltScene:
    """A freshly built scene, before caching."""

    model: mujoco.MjModel
    meta: SceneMeta
    official: F64


def build_scene(suite: str, name: str, assets: Path, robot: str) -> BuiltScene:
    """Builds one task.

    Args:
        suite: Task suite.
        name: LIBERO's name of the task.
        assets: Folder in the layout of LIBERO's assets.
        robot: ``"light"`` or ``"robosuite"``; see `envs.libero.scene_loader.load_scene`.

    Raises:
        ConfigError: If the task's goal is of a kind that is not supported.
    """
    problem = instantiate_problem(suite, name, assets)
    xml = problem.model.get_xml()
    model = mujoco.MjModel.from_xml_string(
        substitute_robot_meshes(xml) if robot == "light" else xml
    )
    if robot == "robosuite":  # hides its markers, as it does at the end of a reset
        problem.visualize(vis_settings=dict.fromkeys(problem._visualizations, False))
        model.site_rgba[:] = problem.sim.model.site_rgba
    meta = read_scene_meta(problem, model, read_instruction(name))
    if suite != FIRST_SUITE:  # whose cheap pictures are those of locked studies: without any glow
        model.site_group[[glow.site for glow in meta.glows]] = GLOW_GROUP
    return BuiltScene(model, meta, _read_official_states(suite, name))


def instantiate_problem(suite: str, name: str, assets: Path, *, pictures: bool = False) -> Any:
    """Instantiates LIBERO's problem class of a task, with or without rendering."""
    bddl = find_package_root() / "bddl_files" / suite / f"{name}.bddl"
    return instantiate_problem_file(bddl, assets, pictures=pictures)


def instantiate_problem_file(bddl: Path, assets: Path, *, pictures: bool = False) -> Any:
    """Instantiates LIBERO's problem class of a task file, with or without rendering."""
    envs = import_libero_envs(assets)
    robosuite = import_quietly("robosuite")
    problem_class = envs.TASK_MAPPING[envs.bddl_utils.get_problem_info(str(bddl))["problem_name"]]
    with contain_side_effects():
        return problem_class(
            str(bddl),
            robots=["Panda"],
            controller_configs=robosuite.load_controller_config(default_controller="OSC_POSE"),
            has_renderer=False,
            has_offscreen_renderer=pictures,
            use_camera_obs=False,
            control_freq=20,
            initialization_noise=None,
            ignore_done=True,
        )


def _read_official_states(suite: str, name: str) -> F64:
    """Reads LIBERO's initial states: time, qpos, qvel. Shape (50, 1 + nq + nv).

    torch's restricted unpickler runs no code of the file.
    """
    import numpy._core.multiarray as multiarray
    import torch

    path = find_package_root() / "init_files" / suite / f"{name}.pruned_init"
    # What a pickled array of floats is made of. Nothing else in the file may be loaded.
    allowed: list[Any] = [
        (multiarray._reconstruct, "numpy.core.multiarray._reconstruct"),
        np.ndarray,
        np.dtype,
        np.dtypes.Float64DType,
    ]
    with torch.serialization.safe_globals(allowed):
        states = torch.load(path, weights_only=True)
    return np.asarray(states, dtype=np.float64)
