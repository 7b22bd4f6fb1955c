"""Folders of configurations: the user's own and those that are shipped, in the order of search."""

from __future__ import annotations

from pathlib import Path

import aegis
from aegis.core.errors import ConfigError

OWN = Path("configs")
"""Where a user's own configurations lie, if no folder is named."""


def find_home() -> Path:
    """Returns the folder that the packages ``aegis``, ``envs`` and ``policies`` lie in."""
    return Path(aegis.__file__).resolve().parents[1]


def find_shipped_configs() -> Path:
    """Returns the folder of shipped configurations.

    Raises:
        ConfigError: If the installation lacks them.
    """
    # A wheel carries them inside the package, for a folder beside it would be everybody's.
    places = (Path(aegis.__file__).resolve().parent / "configs", find_home() / "configs")
    for place in places:
        if (place / "run.yaml").is_file():
            return place
    raise ConfigError(
        f"AEGIS was installed without its configurations: none in {places[0]} or {places[1]}. "
        "Install it again: pip install --force-reinstall aegis-escalation."
    )


def find_config_folders(name: str, given: str | None = None) -> tuple[Path, ...]:
    """Returns where a command's configuration and its groups are looked for, first match first.

    A folder that is named comes first. Without one, ``./configs`` does if it holds the command's
    file; others' ``./configs`` do not concern us. The shipped configurations come last, so a folder
    of one's own needs to hold no more than what is its own.

    Args:
        name: The command, for example ``"run"``.
        given: Folder that the user named.

    Raises:
        ConfigError: If it holds no configurations.
    """
    shipped = find_shipped_configs()
    if given is not None:
        first = Path(given)
        if not first.is_dir() or not any(first.glob("**/*.yaml")):
            raise ConfigError(
                f"No configurations (*.yaml) in {given}. Name a folder that holds some: "
                f"--config-dir PATH; AEGIS's own are in {shipped}."
            )
    elif (OWN / f"{name}.yaml").is_file():
        first = OWN
    else:
        return (shipped,)
    first = first.resolve()
    return (first,) if first == shipped.resolve() else (first, shipped)
