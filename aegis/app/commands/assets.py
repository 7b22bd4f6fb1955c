"""`aegis assets`: which LIBERO assets are in use."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from aegis.app.command import Command
from aegis.app.config.build import build
from aegis.app.config.settings import Settings
from aegis.app.experiment import composed_for
from aegis.app.screen import Json, Screen


def _run(options: argparse.Namespace, screen: Screen) -> Mapping[str, Json]:
    composed = composed_for("assets", options, screen)
    if composed is None:
        return {}
    assets = build(composed, "resolve", Settings(composed.tree).node("resolve"))
    screen.say(str(assets))
    return {name: str(getattr(assets, name, "")) for name in ("name", "path", "digest")}


def _options(parser: argparse.ArgumentParser) -> None:
    del parser  # None of its own.


COMMAND = Command(
    name="assets",
    details="""
        Says which LIBERO assets are used and whether they are complete. 'builtin' is the pack of
        this project; 'auto' takes official assets where they are, else builtin; 'hub' downloads
        the official ones; a path names their folder.
    """,
    examples=(
        ("aegis assets", "what auto finds"),
        ("aegis assets assets=/data/libero-assets", "checks a folder with official assets"),
        ("aegis run env.assets=/data/libero-assets", "uses them"),
    ),
    configured=True,
    options=_options,
    run=_run,
)
