"""Own packages: the packages of AEGIS, and a check that no other package hides them."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from aegis.app.config.folders import find_home
from aegis.core.errors import ConfigError

OWN_PACKAGES = ("aegis", "envs", "policies")


def check_own_package(name: str) -> None:
    """Checks that Python imports one of AEGIS's packages from its installation.

    Other projects use the names ``envs`` and ``policies``, too: a folder of this name earlier on
    ``sys.path`` hides ours.

    Args:
        name: ``aegis``, ``envs`` or ``policies``.

    Raises:
        ConfigError: If another package is found, or none.
    """
    ours = find_home() / name
    spec = importlib.util.find_spec(name)
    if spec is None:
        raise ConfigError(f"AEGIS's package '{name}' is missing: no {ours}. Install AEGIS again.")
    folders = [Path(path) for path in spec.submodule_search_locations or ()]
    if any(path.resolve() == ours for path in folders[:1]):
        return
    file = Path(spec.origin) if spec.origin is not None else folders[0]
    folder = folders[0].parent if folders else file.parent
    raise ConfigError(
        f"Python imports '{name}' from {file}, which hides AEGIS's own {ours}, because {folder} "
        f"comes first on sys.path{_guess_cause(folder)}. Rename yours, or remove {folder} from the "
        f"path; give your own package another name, for example my_{name}: trusted=[my_{name}]."
    )


def _guess_cause(folder: Path) -> str:
    """Returns the likely reason why a folder is on the path."""
    if sys.path and Path(sys.path[0] or ".").resolve() == folder.resolve():
        return " (put there by `python -m` or PYTHONPATH; the command `aegis` does not)"
    return " (PYTHONPATH?)"
