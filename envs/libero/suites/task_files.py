"""Task files: the tasks of a suite in their order, with words and official start states.

Those of LIBERO's own suites are hf-libero's. Those of LIBERO-PRO's lie beside the assets that
``aegis assets install official`` installs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from aegis.core.errors import AssetError, UnknownNameError
from aegis.core.types import F64
from envs.assets.installation import TASKS
from envs.assets.suite_files import PRO_PREFIX, name_task_folder, read_task_list
from envs.libero.library import (
    ALL_SUITES,
    SUITES,
    find_package_root,
    list_task_names,
    read_instruction,
)

_TOLD_OTHERWISE = ("_lan", "_task")
"""Suites of LIBERO-PRO whose instructions are not in the names of their files."""
_LANGUAGE = re.compile(r"\(:language\s+([^()]+)\)")


@dataclass(frozen=True, slots=True)
class TaskFiles:
    """The tasks of a suite.

    Attributes:
        suite: Its name.
        names: Names of its tasks, in their order.
        problems: Folder of task files, ``<name>.bddl``.
        states: Folder of start states, ``<name>.pruned_init`` or ``<name>.pruned_init.npz``.
    """

    suite: str
    names: tuple[str, ...]
    problems: Path
    states: Path

    def name_task(self, number: int) -> str:
        """Returns the name of a task.

        Raises:
            UnknownNameError: If the suite has no such task.
        """
        if not 0 <= number < len(self.names):
            raise UnknownNameError("task", number, range(len(self.names)), f"suite {self.suite}")
        return self.names[number]

    def find_problem(self, name: str) -> Path:
        """Returns the path of a task file."""
        return self.problems / f"{name}.bddl"

    def read_instruction(self, name: str) -> str:
        """Returns a task in words: those in the name of its file, which policies are told.

        Where LIBERO-PRO changed the words or the task, the name is still LIBERO's, so they are
        those in the file.

        Raises:
            AssetError: If they should stand in the file and do not.
        """
        if not (self.suite.startswith(PRO_PREFIX) and self.suite.endswith(_TOLD_OTHERWISE)):
            return read_instruction(name)
        path = self.find_problem(name)
        found = _LANGUAGE.search(path.read_text("utf-8"))
        if found is None:
            raise AssetError(f"'{path}' has no (:language ...). Restore it.")
        return found[1].strip()

    def read_official_states(self, name: str) -> F64:
        """Returns the official start states: time, qpos, qvel. Shape (n, 1 + nq + nv)."""
        archive = self.states / f"{name}.pruned_init.npz"
        if archive.is_file():
            with np.load(archive, allow_pickle=False) as packed:
                return np.asarray(packed["states"], dtype=np.float64)
        return _read_pruned_states(self.states / f"{name}.pruned_init")


def find_task_files(suite: str, assets: Path) -> TaskFiles:
    """Returns where the tasks of a suite are.

    Args:
        suite: Name of the suite.
        assets: Folder of assets, which holds the task files of LIBERO-PRO.

    Raises:
        UnknownNameError: If there is no such suite.
        AssetError: If the folder does not hold the suite's tasks.
        MachineError: If hf-libero is not installed.
    """
    if suite not in ALL_SUITES:
        raise UnknownNameError("suite", suite, ALL_SUITES, "env.suite")
    if suite in SUITES:
        root, names = find_package_root(), tuple(list_task_names(suite))
    else:
        root, names = assets / TASKS, read_task_list(assets, suite)
    folder = name_task_folder(suite)
    return TaskFiles(suite, names, root / "bddl_files" / folder, root / "init_files" / folder)


def _read_pruned_states(path: Path) -> F64:
    """Reads LIBERO's own file; torch's restricted unpickler runs no code of it."""
    import numpy._core.multiarray as multiarray
    import torch

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
