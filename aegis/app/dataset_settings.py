"""Dataset settings: builds the writer of LeRobot datasets from the settings ``lerobot``."""

from __future__ import annotations

import re
from pathlib import Path

from aegis.app.config.settings import Settings
from aegis.core.conventions import (
    LIBERO_PICTURES,
    MIRRORED,
    name_pictures,
    read_picture_name,
)
from aegis.core.errors import ConfigError
from aegis.export.episode import ExportView, Origin
from aegis.export.formats import ExportFormat
from aegis.export.lerobot_dataset.columns import Columns
from aegis.export.lerobot_dataset.dataset import LeRobotDataset
from aegis.export.lerobot_dataset.films import FilmQuality
from aegis.export.lerobot_dataset.metadata import SizeLimits

_STORES = ("video", "image")
_KEY = re.compile(r"[A-Za-z0-9_\-]+")


def build_dataset(folder: Path, origin: Origin, view: ExportView, level: Settings) -> ExportFormat:
    """Builds the writer of LeRobot datasets.

    Args:
        folder: Where to.
        origin: What all episodes share.
        view: How pictures are taken.
        level: The settings ``lerobot``.

    Raises:
        ConfigError: If LeRobot could not read what would be written.
    """
    if abs(origin.fps * origin.dt - 1) > 1e-6:
        raise ConfigError(
            f"A LeRobot dataset has a whole number of frames per second; the run has "
            f"{1 / origin.dt:.3f}. Export it as rerun or mcap."
        )
    films = level.choice("store", _STORES) == "video"
    odd = [name for name, (side, _) in view.cameras.items() if side % 2]
    if films and odd:
        raise ConfigError(
            f"Videos need even sides; 'cameras.{odd[0]}' is {view.cameras[odd[0]][0]}. Choose an "
            "even one, or lerobot.store=image."
        )
    columns = Columns(origin, view, _read_keys(level, view), films)
    limits = SizeLimits(
        *(level.integer(f"{name}_limit", 1) for name in ("data", "video", "folder"))
    )
    quality = FilmQuality(int(level.number("crf", 0, 51)), level.integer("gop", 1))
    return LeRobotDataset(folder, columns, limits, quality)


def _read_keys(level: Settings, view: ExportView) -> dict[str, str]:
    """Reads the names of cameras in the dataset.

    Raises:
        ConfigError: If one cannot be a name, two cameras have the same, or one promises pictures
            of another orientation.
    """
    if level.value("keys") is None:
        return {}
    chosen = level.level("keys")
    keys = {name: chosen.text(name) for name in chosen.names() if name in view.cameras}
    names = [keys.get(name, name_pictures(name, view.pictures)) for name in view.cameras]
    for name in names:
        if not _KEY.fullmatch(name) or names.count(name) > 1:
            raise ConfigError(
                "'lerobot.keys' gives every camera a name of its own, of letters, digits, '_' and "
                f"'-'. Got: {name!r}{' for two cameras' if names.count(name) > 1 else ''}."
            )
        _check_promise(name, view)
    return keys


def _check_promise(name: str, view: ExportView) -> None:
    """Refuses a name under which pictures of another orientation are looked for.

    Raises:
        ConfigError: If it is one.
    """
    named = read_picture_name(name)
    promised = named[1] if named else MIRRORED if name in LIBERO_PICTURES else view.pictures
    if promised != view.pictures:
        raise ConfigError(
            f"'lerobot.keys' has the name '{name}', under which policies look for pictures that "
            f"are {promised}; these are {view.pictures}. Set mirror={str(not view.mirror).lower()},"
            " or leave lerobot.keys out: names then say which way round pictures are."
        )
