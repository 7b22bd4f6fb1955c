"""Which LIBERO assets a suite uses: the builtin pack, official ones, or a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree as ET

import yaml  # type: ignore[import-untyped]

from aegis.core.errors import AssetError, MachineError
from aegis.host.folders import expand_home, find_user_home
from aegis.host.notes import write_note
from envs.assets.installation import find_installed_assets
from envs.assets.robot_meshes import ROBOT
from envs.assets.suite_files import (
    PRO_PREFIX,
    SUITE_CATEGORIES,
    SWAPPED_TEXTURES,
    list_model_files,
    list_surface_textures,
    list_task_files,
)

PACK = Path(__file__).parent / "pack"
ASSETS_VARIABLE = "AEGIS_LIBERO_ASSETS"
HUB_REPOSITORY = "lerobot/libero-assets"
HUB_FOLDER = Path(".cache", "libero", "assets")
"""Where LIBERO keeps downloaded assets, below the home folder."""
_REMEDY = (
    "Install them with `aegis assets install official`, or name their folder: "
    f"assets=/some/folder, or {ASSETS_VARIABLE}=/some/folder."
)


@dataclass(frozen=True, slots=True)
class Assets:
    """A complete set of assets for one of LIBERO's suites.

    Attributes:
        name: ``builtin``, ``official`` (found or downloaded) or ``folder`` (named by the user).
        path: The folder; LIBERO's ``get_assets_path`` must return it.
        digest: Of all files in use, with the light robot meshes that every scene gets.
    """

    name: str
    path: Path
    digest: str

    def __str__(self) -> str:
        return f"{self.name} assets in {self.path} ({self.digest})"


def resolve_assets(choice: str, suite: str = "libero_spatial") -> Assets:
    """Finds and checks the assets that the user asked for.

    Args:
        choice: ``builtin``, ``auto`` (official assets that you have set up, else builtin, else
            installed ones), ``official`` (those that you have set up, else installed ones),
            ``hub`` (downloaded with huggingface_hub) or the path of a folder.
        suite: Suite whose files must be there.

    Raises:
        UnknownNameError: If there is no such suite.
        AssetError: If the folder is missing or incomplete, or the hub cannot be used.
        MachineError: If the path begins with a home folder that cannot be found.
    """
    if choice == "builtin":
        return _check_assets("builtin", PACK, suite)
    if choice == "auto":
        return _find_assets(suite)
    if choice == "official":
        return _find_official_assets(suite)
    if choice == "hub":
        return _check_assets("official", _download_assets(_name_download_folder(), suite), suite)
    path = expand_home(choice)
    if not path.is_dir():
        raise AssetError(
            f"No folder '{choice}' for the LIBERO assets. Allowed: builtin, auto, official, hub, "
            "or the path of a folder with the official layout (articulated_objects/, scenes/, ...)."
        )
    return _check_assets("folder", path.resolve(), suite)


def find_missing_files(path: Path, suite: str = "libero_spatial") -> list[str]:
    """Returns the files that a suite loads and that a folder lacks, relative to it."""
    return [name for name in _list_used_files(path, suite) if not (path / name).is_file()]


def _check_assets(name: str, path: Path, suite: str) -> Assets:
    missing = find_missing_files(path, suite)
    if not missing:
        return Assets(name, path, _hash_assets(path, suite))
    if path == PACK:
        raise AssetError(
            f"The builtin assets are for {', '.join(list_builtin_suites())}; {suite} needs the "
            f"official ones. {_REMEDY}"
        )
    more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
    raise AssetError(
        f"The LIBERO assets in '{path}' lack {', '.join(missing[:5])}{more}, which {suite} loads"
        f"{_describe_other_suites(path, suite)}. {_suggest_completion(path, suite)}"
    )


def list_builtin_suites() -> list[str]:
    """Returns the suites that the builtin assets are complete for."""
    return [suite for suite in SUITE_CATEGORIES if not find_missing_files(PACK, suite)]


def _describe_other_suites(path: Path, suite: str) -> str:
    """Returns which of LIBERO's suites a folder is complete for, as the end of a sentence."""
    others = [one for one in SUITE_CATEGORIES if one != suite and not one.startswith(PRO_PREFIX)]
    whole = [name for name in others if not find_missing_files(path, name)]
    return f" (it is complete for {', '.join(whole)})" if whole else ""


def _suggest_completion(path: Path, suite: str) -> str:
    if path == find_installed_assets():
        return "It is damaged: run `aegis assets install official` again."
    if suite in list_builtin_suites():
        return "Complete the folder, or use assets=builtin."
    return f"Complete the folder, or use assets=official. {_REMEDY}"


def _find_assets(suite: str) -> Assets:
    """Returns what ``auto`` stands for: what is installed comes last.

    Installing official assets for one suite must not change the looks of another.
    """
    found = _find_own_assets(suite)
    if found is not None:
        return found
    if not find_missing_files(PACK, suite):
        return _check_assets("builtin", PACK, suite)
    return _find_official_assets(suite)


def _find_official_assets(suite: str) -> Assets:
    """Returns official assets: those that the user has set up, else installed ones."""
    found = _find_own_assets(suite)
    if found is not None:
        return found
    installed = find_installed_assets()
    if installed is None:
        raise AssetError(
            f"No official LIBERO assets were found for {suite}: {ASSETS_VARIABLE} is not set, "
            f"LIBERO's own folders do not hold them, and none are installed. {_REMEDY}"
        )
    return _check_assets("official", installed, suite)


def _find_own_assets(suite: str) -> Assets | None:
    """Returns official assets that the user has set up for LIBERO, or None."""
    named = os.environ.get(ASSETS_VARIABLE)
    if named:
        if not Path(named).is_dir():
            raise AssetError(
                f"{ASSETS_VARIABLE} names '{named}', which is no folder; correct or unset it."
            )
        return _check_assets("official", Path(named).resolve(), suite)
    for path in _list_usual_places():
        if _holds_assets(path, suite):
            return _check_assets("official", path.resolve(), suite)
    return None


def _holds_assets(path: Path, suite: str) -> bool:
    """Returns whether a folder is complete; one that cannot be read, or is damaged, is not."""
    try:
        elsewhere = path.is_dir() and path.resolve() != PACK.resolve()
        return elsewhere and not find_missing_files(path, suite)
    except (OSError, AssetError) as error:
        write_note(f"passed over the LIBERO assets in {path}: {error}")
        return False


def _list_usual_places() -> Iterator[Path]:
    # The package is only located: importing it asks questions on the terminal.
    spec = find_spec("libero")
    for root in spec.submodule_search_locations or () if spec else ():
        yield Path(root) / "libero" / "assets"
    home = find_user_home()
    if folder := os.environ.get("LIBERO_CONFIG_PATH") or (home and str(home / ".libero")):
        yield from _read_libero_config(folder)
    if home is not None:
        yield home / HUB_FOLDER


def _read_libero_config(folder: str) -> Iterator[Path]:
    """Yields the assets folder that LIBERO's own configuration names, if it can be read."""
    try:
        text = (expand_home(folder) / "config.yaml").read_text(encoding="utf-8")
        settings = yaml.safe_load(text)
        if isinstance(settings, dict) and isinstance(settings.get("assets"), str):
            yield expand_home(settings["assets"])
    except (FileNotFoundError, NotADirectoryError):
        return
    except (OSError, ValueError, yaml.YAMLError, MachineError) as error:
        # ValueError: UnicodeDecodeError. It is another tool's file; ours go on without.
        write_note(f"passed over LIBERO's configuration in {folder}: {error}")


def _name_download_folder() -> Path:
    """Returns where LIBERO, too, keeps the assets that it downloads."""
    home = find_user_home()
    if home is None:
        raise AssetError(
            "assets=hub keeps what it downloads in the home folder, and there is none: HOME is "
            "not set. Set HOME, or use assets=builtin or a folder."
        )
    return home / HUB_FOLDER


def _download_assets(path: Path, suite: str) -> Path:
    if path.is_dir() and not find_missing_files(path, suite):
        return path
    if find_spec("huggingface_hub") is None:
        raise AssetError(
            "assets=hub needs huggingface_hub, which is not installed. Install it with "
            "'pip install huggingface_hub', or use assets=builtin."
        )
    hub = import_module("huggingface_hub")
    try:
        hub.snapshot_download(repo_id=HUB_REPOSITORY, repo_type="dataset", local_dir=str(path))
    except (OSError, ValueError, RuntimeError) as error:
        raise AssetError(
            f"The LIBERO assets ({HUB_REPOSITORY}) could not be downloaded: {error}. Check the "
            "network, or use assets=builtin."
        ) from error
    return path


def _list_used_files(path: Path, suite: str) -> list[str]:
    models = list_model_files(suite)
    names = {*models, *list_surface_textures(suite), *list_task_files(path, suite)}
    for model in models:
        if not (path / model).is_file():
            continue
        for item in _parse_xml(path / model).iter():
            file = item.get("file")
            if file and not (model.startswith("scenes/") and item.get("name") in SWAPPED_TEXTURES):
                names.add(os.path.normpath((Path(model).parent / file).as_posix()))
    return sorted(names)


def _parse_xml(path: Path) -> ET.Element:
    try:
        return ET.parse(path).getroot()
    except ET.ParseError as error:
        raise AssetError(
            f"'{path}' is no XML: {error}. Restore it, or use assets=builtin."
        ) from error


def _hash_assets(path: Path, suite: str) -> str:
    digest = sha256()
    used = [(name, path / name) for name in _list_used_files(path, suite)]
    # Whichever assets are used, the robot is drawn with these.
    used += [(f"robot/{file.name}", file) for file in sorted(ROBOT.iterdir())]
    for name, file in used:
        digest.update(f"{name} {file.stat().st_size}\n".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
