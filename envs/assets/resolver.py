"""Which LIBERO assets to use: the builtin pack, official ones where they are, or a folder."""

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
from envs.assets.robot_meshes import ROBOT

PACK = Path(__file__).parent / "pack"
ASSETS_VARIABLE = "AEGIS_LIBERO_ASSETS"
HUB_REPOSITORY = "lerobot/libero-assets"
HUB_FOLDER = Path(".cache", "libero", "assets")
"""Where LIBERO keeps downloaded assets, below the home folder."""
SCENE = "scenes/libero_tabletop_base_style.xml"
# What the tasks of LIBERO-Spatial load; LIBERO swaps the scene's floor and wall for these two.
MODEL_FILES = (
    "articulated_objects/flat_stove.xml",
    "articulated_objects/wooden_cabinet.xml",
    "stable_hope_objects/cookies/cookies.xml",
    "stable_scanned_objects/akita_black_bowl/akita_black_bowl.xml",
    "stable_scanned_objects/glazed_rim_porcelain_ramekin/glazed_rim_porcelain_ramekin.xml",
    "stable_scanned_objects/plate/plate.xml",
    SCENE,
)
SWAPPED_TEXTURES = {"texplane", "tex-wall"}
SURFACE_TEXTURES = ("textures/light-gray-floor-tile.png", "textures/light-gray-plaster.png")


@dataclass(frozen=True, slots=True)
class Assets:
    """A complete set of assets for LIBERO-Spatial.

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


def resolve_assets(choice: str) -> Assets:
    """Finds and checks the assets that the user asked for.

    Args:
        choice: ``builtin``, ``auto`` (official assets where they are, else builtin), ``hub``
            (downloaded with huggingface_hub) or the path of a folder.

    Raises:
        AssetError: If the folder is missing or incomplete, or the hub cannot be used.
        MachineError: If the path begins with a home folder that cannot be found.
    """
    if choice == "builtin":
        return _check_assets("builtin", PACK)
    if choice == "auto":
        return _find_assets()
    if choice == "hub":
        return _check_assets("official", _download_assets(_name_download_folder()))
    path = expand_home(choice)
    if not path.is_dir():
        raise AssetError(
            f"No folder '{choice}' for the LIBERO assets. Allowed: builtin, auto, hub, or the path "
            "of a folder with the official layout (articulated_objects/, scenes/, ...)."
        )
    return _check_assets("folder", path.resolve())


def find_missing_files(path: Path) -> list[str]:
    """Returns the files that LIBERO-Spatial loads and that a folder lacks, relative to it."""
    return [name for name in _list_used_files(path) if not (path / name).is_file()]


def _check_assets(name: str, path: Path) -> Assets:
    missing = find_missing_files(path)
    if missing:
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        raise AssetError(
            f"The LIBERO assets in '{path}' lack {', '.join(missing[:5])}{more}. "
            "Complete the folder, or use assets=builtin."
        )
    return Assets(name, path, _hash_assets(path))


def _find_assets() -> Assets:
    named = os.environ.get(ASSETS_VARIABLE)
    if named:
        if not Path(named).is_dir():
            raise AssetError(
                f"{ASSETS_VARIABLE} names '{named}', which is no folder; correct or unset it."
            )
        return _check_assets("official", Path(named).resolve())
    for path in _list_usual_places():
        if _holds_assets(path):
            return _check_assets("official", path.resolve())
    return _check_assets("builtin", PACK)


def _holds_assets(path: Path) -> bool:
    """Returns whether a folder is complete; one that cannot be read, or is damaged, is not."""
    try:
        return path.is_dir() and path.resolve() != PACK.resolve() and not find_missing_files(path)
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


def _download_assets(path: Path) -> Path:
    if path.is_dir() and not find_missing_files(path):
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


def _list_used_files(path: Path) -> list[str]:
    names = set(MODEL_FILES) | set(SURFACE_TEXTURES)
    for model in MODEL_FILES:
        if not (path / model).is_file():
            continue
        for item in _parse_xml(path / model).iter():
            file = item.get("file")
            if file and not (model == SCENE and item.get("name") in SWAPPED_TEXTURES):
                names.add(os.path.normpath((Path(model).parent / file).as_posix()))
    return sorted(names)


def _parse_xml(path: Path) -> ET.Element:
    try:
        return ET.parse(path).getroot()
    except ET.ParseError as error:
        raise AssetError(
            f"'{path}' is no XML: {error}. Restore it, or use assets=builtin."
        ) from error


def _hash_assets(path: Path) -> str:
    digest = sha256()
    used = [(name, path / name) for name in _list_used_files(path)]
    # Whichever assets are used, the robot is drawn with these.
    used += [(f"robot/{file.name}", file) for file in sorted(ROBOT.iterdir())]
    for name, file in used:
        digest.update(f"{name} {file.stat().st_size}\n".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
