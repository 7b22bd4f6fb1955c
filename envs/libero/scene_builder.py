"""Builds a scene from hf-libero's problem class: the only code that runs LIBERO and robosuite."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mujoco

from aegis.core.types import F64
from envs.assets.robot_meshes import substitute_robot_meshes
from envs.camera import GLOW_GROUP
from envs.contained import contain_side_effects
from envs.libero.library import FIRST_SUITE, import_libero_envs
from envs.libero.scene import SceneMeta
from envs.libero.scene_reader import read_scene_meta
from envs.libero.suites.task_files import find_task_files
from envs.robosuite_import import build_panda_options


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
    files = find_task_files(suite, assets)
    meta = read_scene_meta(problem, model, files.read_instruction(name))
    if suite != FIRST_SUITE:  # whose cheap pictures are those of locked studies: without any glow
        model.site_group[[glow.site for glow in meta.glows]] = GLOW_GROUP
    return BuiltScene(model, meta, files.read_official_states(name))


def instantiate_problem(suite: str, name: str, assets: Path, *, pictures: bool = False) -> Any:
    """Instantiates LIBERO's problem class of a task, with or without rendering."""
    bddl = find_task_files(suite, assets).find_problem(name)
    return instantiate_problem_file(bddl, assets, pictures=pictures)


def instantiate_problem_file(bddl: Path, assets: Path, *, pictures: bool = False) -> Any:
    """Instantiates LIBERO's problem class of a task file, with or without rendering."""
    envs = import_libero_envs(assets)
    options = build_panda_options(pictures=pictures) | {"robots": ["Panda"]}
    problem_class = envs.TASK_MAPPING[envs.bddl_utils.get_problem_info(str(bddl))["problem_name"]]
    with contain_side_effects():
        return problem_class(str(bddl), **options)
