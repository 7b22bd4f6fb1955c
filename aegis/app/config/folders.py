"""Folders of configurations: the user's own and those that are shipped, in the order of search."""

from __future__ import annotations

from pathlib import Path

import aegis
from aegis.core.errors import ConfigError

OWN = Path("configs")
"""Folder of a user's own configurations, unless another one is given."""


def find_home() -> Path:
    """Returns the folder that the packages ``aegis``, ``envs`` and ``policies`` lie in."""
    return Path(aegis.__file__).resolve().parents[1]


def find_shipped_configs() -> Path:
    """Returns the folder of shipped configurations.

    Raises:
        ConfigError: If they are not installed.
    """
    # A wheel carries them inside the package: a folder beside it would be shared by all packages.
    folders = (Path(aegis.__file__).resolve().parent / "configs", find_home() / "configs")
    for folder in folders:
        if (folder / "run.yaml").is_file():
            return folder
    raise ConfigError(
        f"AEGIS was installed without its configurations: none in {folders[0]} or {folders[1]}. "
        "Install it again: pip install --force-reinstall aegis-escalation."
    )


def find_config_folders(name: str, config_dir: str | None = None) -> tuple[Path, ...]:
    """Returns the folders to search for a command's configuration and its groups, in order.

    A given folder comes first. Without one, ``./configs`` comes first if it holds the command's
    file, or a file in a group of ours, such as ``configs/policy/mine.yaml``; any other
    ``./configs`` is somebody else's and ignored. The shipped configurations come last, so a
    user's folder needs to hold only what differs.

    Args:
        name: The command, for example ``"run"``.
        config_dir: Folder given by the user.

    Raises:
        ConfigError: If it holds no configurations.
    """
    shipped = find_shipped_configs()
    if config_dir is not None:
        first = Path(config_dir)
        if not any(first.glob("*.yaml")) and not _has_group(first, shipped):
            raise ConfigError(
                f"No configurations in {config_dir}: neither a *.yaml nor a group such as "
                "policy/mine.yaml. Name a folder that holds some: --config-dir PATH; AEGIS's own "
                f"are in {shipped}."
            )
    elif (OWN / f"{name}.yaml").is_file() or _has_group(OWN, shipped):
        first = OWN
    else:
        return (shipped,)
    first = first.resolve()
    return (first,) if first == shipped.resolve() else (first, shipped)


def _has_group(folder: Path, shipped: Path) -> bool:
    """Says whether a folder holds an option of a group that is among the shipped ones."""
    groups = (path.name for path in shipped.iterdir() if path.is_dir())
    return any(any((folder / group).glob("**/*.yaml")) for group in groups)
