"""Imports LIBERO safely: without prompts, downloads or noise, and leaves the environment alone."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType

from aegis.core.errors import MachineError, UnknownNameError
from aegis.host.folders import find_cache_folder
from envs.libero.cache import write_atomically
from envs.libero.suites.pro_objects import register_objects
from envs.robosuite_import import import_quietly

FIRST_SUITE = "libero_spatial"
"""The suite that locked studies were played on: its starts, observations and pictures stay."""
SUITES = (FIRST_SUITE, "libero_object", "libero_goal", "libero_10", "libero_90")
"""LIBERO's suites: 130 tasks in all."""
PRO_SUITES = tuple(
    f"libero_pro_{base}_{kind}"
    for base in ("spatial", "object", "goal", "10")
    for kind in ("lan", "object", "swap", "task")
)
"""LIBERO-PRO's suites: the same tasks told otherwise, with other objects, places or goals."""
ALL_SUITES = (*SUITES, *PRO_SUITES)
_SCENE_PREFIX = re.compile(r"^[A-Z_]+_SCENE\d+_")
"""What the names of the tasks of ``libero_10`` and ``libero_90`` begin with."""


def find_package_root() -> Path:
    """Returns the folder of the installed ``libero.libero`` package, without importing it.

    Raises:
        MachineError: If hf-libero is not installed.
    """
    spec = importlib.util.find_spec("libero")
    if spec is None or not spec.submodule_search_locations:
        raise MachineError(
            "The LIBERO task definitions are not installed (package hf-libero). Run `make setup`."
        )
    return Path(next(iter(spec.submodule_search_locations))) / "libero"


def list_task_names(suite: str) -> list[str]:
    """Returns the task names of one of LIBERO's own suites, in its order.

    Raises:
        UnknownNameError: If the suite is another.
    """
    if suite not in SUITES:
        raise UnknownNameError("suite", suite, SUITES, "env.suite")
    path = find_package_root() / "benchmark" / "libero_suite_task_map.py"
    spec = importlib.util.spec_from_file_location("_libero_suite_task_map", path)
    if spec is None or spec.loader is None:
        raise MachineError(f"The installed hf-libero has no task list at {path}. Run `make setup`.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return list(module.libero_task_map[suite])


def read_instruction(name: str) -> str:
    """Returns a task in words, read off LIBERO's name of it: what its policies are told."""
    return _SCENE_PREFIX.sub("", name).replace("_", " ")


def import_libero_envs(assets: Path) -> ModuleType:
    """Imports ``libero.libero.envs`` with its assets at a given folder.

    LIBERO asks on standard input for its folders when no configuration file exists, so one is
    written to our cache first. LIBERO notes its place when it is imported: the variable that names
    it is the user's again afterwards.

    Args:
        assets: Folder in the layout of LIBERO's official assets.

    Raises:
        MachineError: If LIBERO cannot be imported.
    """
    root = find_package_root()
    folder = find_cache_folder() / "libero"
    config = {
        "assets": str(assets),
        "bddl_files": str(root / "bddl_files"),
        "benchmark_root": str(root),
        "datasets": str(folder / "datasets"),
        "init_states": str(root / "init_files"),
    }
    # JSON is YAML, and json is in the standard library.
    write_atomically(folder / "config.yaml", json.dumps(config).encode())
    environment = {"LIBERO_CONFIG_PATH": str(folder)}
    library = import_quietly("libero.libero", environment)
    library._assets_path_cache = str(assets)  # type: ignore[attr-defined]
    import_quietly("libero.libero.envs.bddl_utils", environment)
    envs = import_quietly("libero.libero.envs", environment)
    register_objects(import_quietly("libero.libero.envs.objects", environment).OBJECTS_DICT)
    return envs
