"""Pictures: stills of the episodes that a report shows, taken once and kept in the run folder."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from aegis.app.config.composition import ComposedConfig
from aegis.app.config.lab import make_world_factory
from aegis.app.config.part_builder import is_portable
from aegis.app.config.settings import Settings
from aegis.app.screen import Screen
from aegis.core.errors import AegisError
from aegis.export.stills import choose_ticks, take_stills
from aegis.host.child_process import call_in_child
from aegis.host.dispatch import build_dispatch
from aegis.records.files import write_atomic
from aegis.records.rows import EpisodeRow
from aegis.report.examples import Example

PICTURES_FOLDER = "pictures"
EpisodePictures = dict[str, dict[int, bytes]]
"""Kind of example to tick to PNG."""


def gather_pictures(
    root: Path, composed: ComposedConfig, examples: Mapping[str, Example], screen: Screen
) -> EpisodePictures:
    """Returns PNG pictures by kind of example and tick; renders those that are missing.

    They are stored in ``pictures/`` of the run folder, so that a report can be rewritten without
    the table of steps. Without both, or if the replay diverges, there are none.

    Args:
        root: Run folder.
        composed: The study's configuration; its ``pictures`` names camera, size and number.
        examples: Episodes of the report, by kind.
        screen: Receives the reason if there are none.
    """
    settings = Settings(composed.tree)
    pictures: EpisodePictures = {}
    for kind, paths in _locate_pictures(root, settings, examples).items():
        if not all(path.exists() for path in paths.values()):
            build_world = make_world_factory(composed)
            level, row = settings.level("pictures"), examples[kind].episode
            camera, size = level.text("camera"), level.integer("size", 16)
            try:
                stills = call_in_child(
                    partial(take_stills, root, row, build_world, camera, size, tuple(paths)),
                    build_dispatch(is_portable(settings)),
                )
            except (AegisError, KeyError) as error:
                screen.print_note(f"no pictures of the {kind} episode: {error}")
                continue
            _keep_pictures(stills, paths)
        pictures[kind] = {k: path.read_bytes() for k, path in paths.items()}
    return pictures


def read_pictures(
    root: Path, settings: Settings, examples: Mapping[str, Example]
) -> EpisodePictures:
    """Returns the pictures that are stored, by kind of example and tick; renders none.

    Args:
        root: Run folder.
        settings: Of the study; ``pictures`` names their number.
        examples: Episodes of the report, by kind.
    """
    return {
        kind: {k: path.read_bytes() for k, path in paths.items()}
        for kind, paths in _locate_pictures(root, settings, examples).items()
        if all(path.exists() for path in paths.values())
    }


def _locate_pictures(
    root: Path, settings: Settings, examples: Mapping[str, Example]
) -> dict[str, dict[int, Path]]:
    """Returns the paths of all pictures that a report shows, by kind of example and tick."""
    count = settings.level("pictures").integer("count", 0)
    return {
        kind: {
            k: _locate_picture(root, kind, example.episode, k)
            for k in choose_ticks(example.episode, count)
        }
        for kind, example in (examples.items() if count else ())
    }


def _keep_pictures(stills: Mapping[int, bytes], paths: Mapping[int, Path]) -> None:
    for k, path in paths.items():
        path.parent.mkdir(exist_ok=True)
        write_atomic(path, stills[k])


def _locate_picture(root: Path, kind: str, row: EpisodeRow, k: int) -> Path:
    return root / PICTURES_FOLDER / f"{kind}-{row.arm}-{row.task}-{row.index}-{k:03d}.png"
