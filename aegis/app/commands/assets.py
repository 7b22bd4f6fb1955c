"""`aegis assets`: shows which LIBERO assets are in use."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, runtime_checkable

from aegis.app.command import Command, add_no_options
from aegis.app.config.composition import build_target
from aegis.app.config.settings import Settings
from aegis.app.experiment import compose_or_show
from aegis.app.screen import Json, Screen
from aegis.core.errors import ConfigError


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


COMMAND = Command(
    name="assets",
    details="""
        Shows which LIBERO assets are used and whether they are complete. 'builtin' is the pack of
        this project; 'auto' takes the official assets if they are installed and builtin otherwise;
        'hub' downloads the official ones; a path names their folder.
    """,
    examples=(
        ("aegis assets", "the assets that the configuration selects"),
        ("aegis assets assets=/data/libero-assets", "checks a folder with official assets"),
        ("aegis run env.assets=/data/libero-assets", "uses them"),
    ),
    configured=True,
    options=add_no_options,
    run=_run_assets,
)
