"""Own packages: those that AEGIS consists of, and what to say when one is hidden."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from aegis.app.config.folders import find_home
from aegis.core.errors import ConfigError

OWN_PACKAGES = ("aegis", "envs", "policies")


def check_own_package(name: str) -> None:
    """Checks that Python takes one of our packages from where the others are.

    ``envs`` and ``policies`` are names that others use, too: a folder of this name earlier on
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
    found = [Path(place) for place in spec.submodule_search_locations or ()]
    if any(place.resolve() == ours for place in found[:1]):
        return
    file = Path(spec.origin) if spec.origin is not None else found[0]
    folder = found[0].parent if found else file.parent
    raise ConfigError(
        f"Python takes '{name}' from {file}, which hides AEGIS's own {ours}, for {folder} comes "
        f"first on sys.path{_guess_cause(folder)}. Rename yours, or keep {folder} off the path; a "
        f"package of your own needs another name, say my_{name}: trusted=[my_{name}]."
    )


def _guess_cause(folder: Path) -> str:
    """Returns how a folder came onto the path, as far as one can tell."""
    if sys.path and Path(sys.path[0] or ".").resolve() == folder.resolve():
        return " (put there by `python -m` or PYTHONPATH; the command `aegis` does not)"
    return " (PYTHONPATH?)"
