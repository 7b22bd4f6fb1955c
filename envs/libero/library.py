"""Imports LIBERO and robosuite safely: without prompts, downloads or noise on stderr."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import io
import json
import os
from pathlib import Path
from types import ModuleType

from aegis.core.errors import MachineError, UnknownNameError
from envs.libero.cache import cache_dir

SUITES = ("libero_spatial",)
"""Suites whose goals and start states are supported."""


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
    """Returns the task names of a suite in LIBERO's order.

    Raises:
        UnknownNameError: If the suite is not supported.
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


def import_libero_envs(assets: Path) -> ModuleType:
    """Imports ``libero.libero.envs`` with its assets at a given folder.

    LIBERO asks on standard input for its folders when no configuration file exists, so one is
    written to our cache first. robosuite logs advice about private macros; it is swallowed.

    Args:
        assets: Folder in the layout of LIBERO's official assets.
    """
    root = find_package_root()
    folder = cache_dir() / "libero"
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "assets": str(assets),
        "bddl_files": str(root / "bddl_files"),
        "benchmark_root": str(root),
        "datasets": str(folder / "datasets"),
        "init_states": str(root / "init_files"),
    }
    # JSON is YAML, and json is in the standard library.
    (folder / "config.yaml").write_text(json.dumps(config))
    os.environ["LIBERO_CONFIG_PATH"] = str(folder)
    with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
        library = importlib.import_module("libero.libero")
        library._assets_path_cache = str(assets)  # type: ignore[attr-defined]
        return importlib.import_module("libero.libero.envs")
